"""What scripts may ask the studio for, see ``docs/studio.md``."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from nst_cli.studio.layout import LIVE_SIZE
from nst_cli.studio.showing import sentence
from nst_cli.studio.visitors import MOST_PAINTINGS, Studio
from nst_cli.studio.wish import Wish
from nst_core import Job, JobError, NstError

__all__ = ["scripted"]

POLL_SECONDS = 0.2
"""How often it is looked whether a picture is finished."""


def scripted(studio: Studio) -> Callable[..., Awaitable[gr.FileData]]:
    """Return the function that scripts call."""

    async def paint(
        photo: gr.FileData,
        paintings: list[gr.FileData],
        strength: float = Job.strength,
        size: int = LIVE_SIZE,
        preset: str = "",
        color: str = "style",
        seed: int = 0,
        quick: bool = False,
    ) -> gr.FileData:
        """Paint a photograph in the manner of one painting, or of a blend of up to four.

        Args:
            photo: image file.
            paintings: image files.
            strength: from 0, nearly the photograph, to 1, nearly a texture.
            size: longest side of the picture in pixels.
            preset: name of a look, "" for the default one.
            color: "style", or the name of a colour mode.
            seed: of random numbers.
            quick: whether the small network makes all of it.

        Returns:
            The picture as PNG, with its recipe inside.
        """
        options: dict[str, Any] = {"strength": strength, "size": size, "color": color, "seed": seed}
        if preset:
            options["preset"] = preset
        try:
            made = await _made(studio, photo, paintings, options, quick)
        except NstError as error:
            raise gr.Error(sentence(error), print_exception=False) from None
        return gr.FileData(path=str(made))

    # Gradio reads the types where the function is handed over, and knows nothing of this module's names.
    types = {"photo": gr.FileData, "paintings": list[gr.FileData], "return": gr.FileData}
    plain = {"strength": float, "size": int, "preset": str, "color": str, "seed": int, "quick": bool}
    paint.__annotations__ = types | plain
    return paint


async def _made(studio: Studio, photo: Any, paintings: list[Any], options: dict[str, Any], quick: bool) -> Path:
    """Paint a picture and return a copy of its file, in the cache of the page.

    Raises:
        NstError: it cannot be made, or was stopped.
    """
    if not 1 <= len(paintings) <= MOST_PAINTINGS:
        raise JobError(f"give 1 to {MOST_PAINTINGS} paintings, not {len(paintings)}")
    if options["size"] > studio.limits.live_size:
        raise JobError(f"the longest side may be {studio.limits.live_size} pixels, not {options['size']}")
    name = secrets.token_urlsafe(24)
    guest = await asyncio.to_thread(studio.enter, name)
    try:
        named = [(photo, "photograph"), *((painting, "painting") for painting in paintings)]
        images = [(await asyncio.to_thread(guest.take, _path(file), role))[0] for file, role in named]
        guest.painting.paint(Wish(images[0], tuple(images[1:]), options, quick))
        while guest.painting.view.active:
            await asyncio.sleep(POLL_SECONDS)
        if not guest.results.kept:
            raise JobError(guest.painting.view.message or "the picture was stopped")
        made = guest.results.kept[0].path
        return Path(shutil.copyfile(made, Path(tempfile.mkdtemp(dir=studio.cache)) / made.name))
    finally:
        await asyncio.to_thread(studio.leave, name)


def _path(file: Any) -> str:
    return str(file["path"] if isinstance(file, dict) else file.path)
