"""What the page shows of a visitor's pictures: texts, curves, lists. Knows nothing of Gradio."""

from __future__ import annotations

import html
import json
import math
from pathlib import Path
from typing import Any

from nst_cli.execution.batch_progress import minutes
from nst_cli.studio.painting import View
from nst_cli.studio.results import data_url
from nst_cli.studio.visitors import Studio, Visitor
from nst_cli.studio.wish import Wish
from nst_core import NstError, load_image
from nst_core.runtime.memory import format_memory

__all__ = ["LEAST_SIZE", "forecast", "news", "pictures", "progress_of_finals", "sentence"]

PHOTO_SIZE = 512
"""Longest side in pixels of the photograph that the picture is compared with."""

LEAST_SIZE = 64
"""Longest side in pixels of the smallest picture."""

_KINDS = {".png": "PNG", ".tif": "16-bit TIFF", ".toml": "recipe", ".zip": "masks"}


def news(view: View, visitor: Visitor, photo: bool) -> str:
    """Return what the canvas shows, as JSON.

    Args:
        view: of the visitor's painting.
        visitor: who looks.
        photo: whether the photograph is sent, too.
    """
    found: dict[str, Any] = {
        "number": view.number,
        "phase": view.phase,
        "done": round(view.done, 3),
        "status": _status(view),
        "curve": _curve(view.history),
    }
    if view.image is not None:
        found["image"] = data_url(view.image)
    if photo:
        found["photo"] = data_url(load_image(visitor.photo, size=PHOTO_SIZE).pixels) if visitor.photo else ""
    return json.dumps(found)


def pictures(visitor: Visitor) -> str:
    """Return the list of the visitor's pictures, with links to their files, as HTML."""
    cards = []
    for kept in visitor.results.kept:
        name, stem = (html.escape(text, quote=True) for text in (kept.path.name, kept.path.stem))
        places = {_KINDS[Path(file).suffix]: html.escape(file, quote=True) for file in kept.files}
        links = " ".join(
            f'<a href="studio/files/{kept.key}/{file}" download>{kind}</a>' for kind, file in places.items()
        )
        height, width = kept.size
        about = f"{width}×{height}, {minutes(kept.seconds)}{', stopped early' if kept.stopped else ''}"
        cards.append(
            f'<figure><img src="{kept.small}" alt="{stem}"><figcaption>{name}<br>{about}<br>{links}<br>'
            f'<a href="#" role="button" data-key="{kept.key}">Use its settings</a></figcaption></figure>'
        )
    return f'<div class="nst-results">{"".join(cards)}</div>' if cards else ""


def progress_of_finals(studio: Studio, visitor: Visitor) -> str:
    """Say how far the visitor's large pictures are, as HTML."""
    lines = []
    for final in studio.finals.of(visitor.name):
        left = f", about {minutes(_rounded(final.left))} left" if final.left is not None else ""
        text = {
            "waiting": "Waiting for other large pictures.",
            "painting": f"{round(100 * final.done)} %{left}.",
            "paused": f"{round(100 * final.done)} %, waits while somebody paints.",
            "cancelled": "Cancelled.",
            "failed": final.message,
        }.get(final.state, "")
        lines.append(f'<p class="nst-final" role="status">{final.job.size} px: {html.escape(text)}</p>')
    return "".join(lines)


def forecast(studio: Studio, wish: Wish, size: int) -> str:
    """Say what a large picture needs, and how large it may be.

    Raises:
        NstError: the wish makes no sense.
    """
    most = studio.limits.max_size
    if not LEAST_SIZE <= size <= most:
        return f"From {LEAST_SIZE} to {most} px."

    def plan(longest: int) -> Any:
        return studio.session.plan(wish.larger(longest).job(studio.session), resources=studio.limits.resources)

    found = plan(size)
    if not found.fits:
        return f"{size} px does not fit into memory. {found.advice}"
    last = found.levels[-1]
    largest = next((longest for longest in range(most, size, -512) if plan(longest).fits), size)
    limit = f" Up to {largest} px fit." if largest > size else ""
    needs = f"about {minutes(found.seconds)}, {format_memory(found.bytes)} of memory"
    return f"{last.width}×{last.height} px: {needs}.{limit}"


def sentence(error: NstError) -> str:
    """Return what went wrong as a sentence."""
    text = str(error)
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _status(view: View) -> str:
    """Say in a line what happens; it changes seldom, as it is read out."""
    if view.phase == "waiting":
        return f"Waiting for a free worker: {view.place} before you." if view.place else "Beginning …"
    if view.phase == "painting":
        if view.done == 0:
            return f"Draft by {view.stage}, {view.size} px" if view.stage else "Beginning …"
        left = [f"about {minutes(_rounded(view.left))} left"] if view.left is not None else []
        return ", ".join([f"{view.stage}, {view.size} px", f"{10 * int(10 * view.done)} %", *left])
    if view.phase in ("empty", "failed"):
        return view.message
    kept = f" Kept as {view.kept}." if view.kept else ""
    return f"Stopped.{kept} Continue goes on from here." if view.phase == "stopped" else f"Finished.{kept}"


def _rounded(seconds: float) -> float:
    """Round a time that is left so that it does not change at every look."""
    step = 1 if seconds < 10 else 5 if seconds < 60 else 30
    return step * math.ceil(seconds / step)


def _curve(history: tuple[float, ...]) -> str:
    """Return the losses as points of a line in a box of 100 × 40, the logarithm of the loss upwards."""
    points = [(n, math.log(value)) for n, value in enumerate(history) if math.isfinite(value) and value > 0]
    if len(points) < 2:
        return ""
    points = points[:: max(1, len(points) // 300)]
    low, high = min(y for _, y in points), max(y for _, y in points)
    width, height = points[-1][0] or 1, (high - low) or 1.0
    return " ".join(f"{100 * x / width:.1f},{38 - 36 * (y - low) / height:.1f}" for x, y in points)
