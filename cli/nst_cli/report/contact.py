"""Contact sheets: the pictures of a sheet in rows and columns with labelled axes, drawn with Pillow."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from nst_cli.report.contents import ShownCell, ShownSheet
from nst_cli.report.table import distances, number

__all__ = ["contact_sheet", "thumbnail"]

GAP, MARGIN, SIDE = 10, 18, 220
MIN_WIDTH = 185  # of a column, for the two figures under a picture
_INK, _SOFT, _PAPER, _EMPTY = (28, 28, 30), (110, 110, 115), (255, 255, 255), (238, 238, 240)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def thumbnail(cell: ShownCell, side: int = SIDE) -> Image.Image | None:
    """Return the picture of a cell, scaled down to at most ``side`` pixels, or ``None`` if it has none."""
    if cell.picture is None:
        return None
    with Image.open(cell.picture) as picture:
        small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


@functools.cache
def _font(size: int) -> Font:
    """Return a scalable font: matplotlib's DejaVu, which has most scripts, or Pillow's own, which has Latin."""
    found = find_spec("matplotlib")
    if found and found.origin:
        dejavu = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if dejavu.is_file():
            return ImageFont.truetype(dejavu, size)
    return ImageFont.load_default(size)


def _drawable(text: str) -> str:
    """Spell out the Greek letters that we use and some fonts lack."""
    for sign, word in (("α", "alpha"), ("β", "beta")):
        text = text.replace(sign, word)
    return text


def contact_sheet(shown: ShownSheet) -> Image.Image:
    """Draw a sheet: column labels above, row labels on the left, two figures under every picture."""
    rows, columns = shown.sheet.rows, shown.sheet.columns
    pictures = {(c.row, c.column): thumbnail(c) for c in shown.cells}
    sizes = [p.size for p in pictures.values() if p] or [(SIDE, SIDE)]
    width, height = max(w for w, _ in sizes), max(h for _, h in sizes)
    width = max(width, MIN_WIDTH)
    row_texts = [_drawable(f"{shown.sheet.row_axis} {row}".strip()) for row in rows]
    left = max((round(_font(15).getlength(text)) for text in row_texts), default=0)
    left = left + 2 * GAP if any(row_texts) else 0
    top, foot = 80, 40
    size = (
        max(
            2 * MARGIN + left + len(columns) * (width + GAP),
            2 * MARGIN + round(_font(20).getlength(_drawable(shown.sheet.title))),
        ),
        MARGIN + top + len(rows) * (height + foot + GAP),
    )
    canvas = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((MARGIN, MARGIN), _drawable(shown.sheet.title), _INK, _font(20))
    draw.text((MARGIN + left, MARGIN + 34), _drawable(shown.sheet.column_axis), _SOFT, _font(13))
    for across, column in enumerate(columns):
        x = MARGIN + left + across * (width + GAP)
        text = _fitted(_drawable(column), width, 15)
        draw.text((x + width / 2, MARGIN + top - 6), text, _INK, _font(15), anchor="ms")
    for down, row in enumerate(rows):
        y = MARGIN + top + down * (height + foot + GAP)
        if left:
            draw.text((MARGIN, y + height / 2), row_texts[down], _INK, _font(15), anchor="lm")
        for across, column in enumerate(columns):
            cell = shown.at(row, column)
            if cell is None:
                continue
            x = MARGIN + left + across * (width + GAP)
            picture = pictures[row, column]
            if picture is None:
                draw.rectangle((x, y, x + width - 1, y + height - 1), _EMPTY)
                draw.text((x + width / 2, y + height / 2), cell.result.status, _SOFT, _font(15), anchor="mm")
                continue
            canvas.paste(picture, (x + (width - picture.width) // 2, y))
            for line, text in enumerate(_under(cell)):
                draw.text((x + width / 2, y + height + 14 + 16 * line), text, _SOFT, _font(12), anchor="ms")
    return canvas


def _under(cell: ShownCell) -> tuple[str, str]:
    record = cell.result.record
    return (
        "   ".join(f"{name} {value}" for name, value in distances(cell)),
        f"loss {number(record['total'])}   {record['seconds']:.1f} s",
    )


def _fitted(text: str, width: int, size: int) -> str:
    while len(text) > 6 and _font(size).getlength(text) > width:
        text = text[:-4] + "..."
    return text
