"""The pages of a report, rendered from the templates beside this file."""

from __future__ import annotations

import base64
import functools
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from PIL.Image import Image

from nst_cli.report import table
from nst_cli.report.contact import thumbnail
from nst_cli.report.contents import Report, ShownCell
from nst_cli.report.curves import NO_CURVES
from nst_cli.report.sources import source_thumbnails

__all__ = ["html_page", "markdown_page"]

LEGEND = (
    "The figures under the pictures and the first distances in the tables are relative: of a picture's feature maps "
    "from those of the content image, and of its Gram matrices from those of the style image, averaged over the taps. "
    "0 means identical. Structure is the distance of the self-similarities of picture and content image: 0 where the "
    "same places are alike. Pyramid is the squared distance of the Gram matrices, averaged over full, half and quarter "
    "size as far as the picture is large enough: 0 where forms of all sizes are the style's. Specks are isolated "
    "clipped pixels, as a share of all. All are computed in float32 from the saved picture, in the same way for every "
    "cell and by nst eval; docs/metrics.md has their formulas and limits. Seconds count the optimisation without "
    "loading."
)
# Wide enough to judge, small enough that a report of sixty pictures can be sent by mail.
_SIDE, _QUALITY = 220, 82


class _Inline(NamedTuple):
    """A picture as a template places it: the address holds the picture itself."""

    src: str
    width: int
    height: int


def html_page(report: Report, curves: Mapping[str, bytes] | None) -> str:
    """Return the report as one HTML page that fetches nothing.

    Args:
        report: the report.
        curves: the loss curves as PNG, by the name of the sheet; ``None`` if matplotlib is missing.
    """
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            legend=LEGEND,
            warning=NO_CURVES if curves is None else "",
            curves={name: _data("image/png", image) for name, image in (curves or {}).items()},
            sources=[(label, _inline(picture)) for label, picture in source_thumbnails(report, _SIDE * 3 // 4)],
            picture=_picture,
            table=table,
        )
    )


def markdown_page(report: Report, folder: Path, images: Mapping[str, list[str]], with_curves: bool) -> str:
    """Return the report as Markdown.

    Args:
        report: the report.
        folder: the folder of the page, which links start from.
        images: paths of contact sheet and loss curves, relative to the page, by the name of the sheet.
        with_curves: whether matplotlib was there to draw loss curves.
    """

    def place(cell: ShownCell) -> str:
        found = cell.picture
        return Path(os.path.relpath(found.parent, folder)).as_posix() if found else ""

    return (
        _environment()
        .get_template("report.md.jinja")
        .render(
            report=report,
            legend=LEGEND,
            warning="" if with_curves else NO_CURVES,
            images=images,
            place=place,
            table=table,
        )
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nst_cli.report"),
        autoescape=select_autoescape(enabled_extensions=("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = _markdown
    return environment


def _markdown(text: str) -> str:
    """Escape what would break a Markdown table or be taken for HTML."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _picture(cell: ShownCell) -> _Inline | None:
    small = thumbnail(cell, _SIDE)
    return _inline(small) if small else None


def _inline(image: Image) -> _Inline:
    with io.BytesIO() as file:
        image.save(file, format="JPEG", quality=_QUALITY)
        return _Inline(_data("image/jpeg", file.getvalue()), image.width, image.height)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
