"""``nst ui``: the studio, a page in the browser where one paints and changes the picture while it is made."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from nst_cli import console
from nst_cli.options.groups import ThreadOptions
from nst_core.errors import JobError
from nst_core.extras import install_command
from nst_core.planning.resources import Resources

__all__ = ["ui"]

AUTH = "NST_UI_AUTH"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SERVER = "Server"
LIMITS = "Limits"


def ui(
    threads: ThreadOptions,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder that finished pictures are kept in.")] = Path(
        "nst-studio"
    ),
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for all of this machine's.", rich_help_panel=SERVER)
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.", rich_help_panel=SERVER)
    ] = 7860,
    auth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:PASSWORD",
            help=f"Ask for a name and a password. Repeatable. {AUTH} in the environment does the same, separated by "
            "spaces, and is not shown to other users of this machine.",
            rich_help_panel=SERVER,
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Path under which a proxy shows the page.", rich_help_panel=SERVER)
    ] = "",
    browse: Annotated[bool, typer.Option("--open", help="Open the page in a browser.", rich_help_panel=SERVER)] = False,
    visitors: Annotated[int, typer.Option(min=1, help="Most visitors at once.", rich_help_panel=LIMITS)] = 20,
    workers: Annotated[
        int, typer.Option(min=1, help="Pictures that are painted at once; others wait.", rich_help_panel=LIMITS)
    ] = 1,
    live_size: Annotated[
        int,
        typer.Option(min=64, metavar="PIXELS", help="Longest side of a live picture.", rich_help_panel=LIMITS),
    ] = 1024,
    max_size: Annotated[
        int, typer.Option(min=64, metavar="PIXELS", help="Longest side of a large picture.", rich_help_panel=LIMITS)
    ] = 4096,
    max_upload: Annotated[
        str, typer.Option(metavar="SIZE", help="Largest image file, such as 30MB.", rich_help_panel=LIMITS)
    ] = "30MB",
    memory_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory that the process may use.", rich_help_panel=LIMITS)
    ] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for files that hold large pictures in place of memory.",
            resolve_path=True,
            rich_help_panel=LIMITS,
        ),
    ] = None,
) -> None:
    """Open the studio: a page in the browser where one paints, and changes the picture while it is made.

    Pictures that are finished, or stopped, are kept in FOLDER with their recipes. Ctrl-C ends it.

    Examples:

    nst ui

    nst ui pictures --host 0.0.0.0 --auth me:secret --max-upload 10MB
    """
    missing = [name for name in ("gradio", "uvicorn") if find_spec(name) is None]
    if missing:
        raise JobError(f"the studio needs {' and '.join(missing)}; install it with: {install_command('ui')}")
    people = [_person(text) for text in (auth or os.environ.get(AUTH, "").split())]
    from nst_cli.studio.server import listen, serve
    from nst_cli.studio.visitors import Limits, Studio
    from nst_core import parse_memory

    limits = Limits(
        visitors=visitors,
        workers=workers,
        max_size=max_size,
        live_size=min(live_size, max_size),
        upload_bytes=parse_memory(max_upload),
        resources=Resources(
            memory_limit=parse_memory(memory_limit) if memory_limit else None,
            threads=threads.threads,
            scratch=scratch,
        ),
    )
    listening = listen(host, port)
    if host not in LOOPBACK and not people:
        console.say(f"note: whoever reaches this machine can use the studio; --auth or {AUTH} asks for a password")
    studio = Studio(folder, limits)
    address = f"http://{'localhost' if host in LOOPBACK else host}:{listening.getsockname()[1]}{root_path}/"

    def ready() -> None:
        studio.warm()
        console.out(address)
        console.say(f"pictures are kept in '{folder}'; Ctrl-C ends the studio")
        if browse:
            import webbrowser

            webbrowser.open(address)

    try:
        serve(studio, listening, people, root_path, ready)
    except KeyboardInterrupt:  # how a server ends
        pass
    finally:
        studio.close()


def _person(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not (name and colon and password):
        raise JobError("--auth must be written NAME:PASSWORD")
    return name, password
