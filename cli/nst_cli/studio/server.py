"""The server: the page, files of pictures and a word on its health, on one address, with nothing from elsewhere."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

from nst_cli.studio.visitors import Studio
from nst_core import JobError

__all__ = ["listen", "serve"]

TIDY_SECONDS = 30.0
"""How often temporary files are looked at."""

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
"""What a browser may load for the page: from this server alone."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; port 0 takes any that is free.

    Raises:
        JobError: the address is in use, or not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise JobError(f"the host '{host}' is not known: {error}") from error
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
        found.listen(128)
    except OSError as error:
        found.close()
        raise JobError(
            f"port {port} of '{host}' cannot be used: {error.strerror or error}; choose another one with --port, "
            "0 for any that is free"
        ) from error
    return found


def make_app(studio: Studio, auth: Sequence[tuple[str, str]] = (), root_path: str = "") -> Any:
    """Return the web application of a studio."""
    # Gradio reads these where it is imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(studio.cache)
    os.environ["HF_HUB_OFFLINE"] = "1"

    import asyncio

    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import FileResponse, JSONResponse, Response
    from starlette.requests import ClientDisconnect

    from nst_cli.studio.layout import static
    from nst_cli.studio.page import make_page

    @asynccontextmanager
    async def tidying(_: FastAPI) -> Any:
        async def tidy() -> None:
            while True:
                await asyncio.sleep(TIDY_SECONDS)
                await asyncio.to_thread(studio.tidy)

        task = asyncio.create_task(tidy())
        yield
        task.cancel()

    app = FastAPI(lifespan=tidying, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> JSONResponse:
        return JSONResponse(
            {
                "status": "ok",
                "version": version("nst"),
                "visitors": len(studio.visitors),
                "most_visitors": studio.limits.visitors,
                "busy": studio.desk.busy,
                "waiting": studio.desk.waiting,
            }
        )

    @app.get("/studio/files/{key}/{name}")
    def file(key: str, name: str) -> Response:
        path = studio.file(key, name)
        if path is None or not path.is_file():
            return Response("This picture is not here any more; its page was closed.", 404, media_type="text/plain")
        return FileResponse(path, filename=name)

    class Guard:
        """Adds the headers to every answer."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def sending(message: Any) -> None:
                if message["type"] == "http.response.start":
                    given = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                    message = {**message, "headers": [*message.get("headers", []), *given]}
                await send(message)

            with suppress(ClientDisconnect):  # a page was closed in the middle of an upload
                await self.inner(scope, receive, sending if scope["type"] == "http" else send)

    app.add_middleware(Guard)
    page = make_page(studio)
    page.queue(default_concurrency_limit=None, max_size=200)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth=list(auth) or None,
        auth_message="This studio asks for a name and a password.",
        max_file_size=studio.limits.upload_bytes,
        run_history=False,
        footer_links=["api"],
        show_error=True,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        root_path=root_path or None,
        theme=_theme(),
        css=static("studio.css"),
    )
    return app


def serve(
    studio: Studio,
    listening: socket.socket,
    auth: Sequence[tuple[str, str]] = (),
    root_path: str = "",
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve the page until a signal ends it.

    Args:
        studio: behind the page.
        listening: see :func:`listen`.
        auth: names and passwords; none lets everybody in.
        root_path: under which a proxy shows the page.
        ready: called when the page can be opened.
    """
    import uvicorn

    app = make_app(studio, auth, root_path)

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets=sockets)
            ready()

        async def shutdown(self, sockets: Any = None) -> None:
            # Pages that are open keep connections, which are cut; uvicorn would report each of them as an error.
            logging.getLogger("uvicorn.error").disabled = True
            await super().shutdown(sockets=sockets)

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, access_log=False)
    Server(config).run(sockets=[listening])


def _theme() -> Any:
    """Return how the page looks: the system's own fonts, as none is fetched."""
    import gradio as gr

    return gr.themes.Soft(
        primary_hue="indigo",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
