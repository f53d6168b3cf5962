"""Make the pictures of docs/control.md: regions, what is kept, colour, scale and blends.

    python tools/make_control.py IMAGES [--folder docs/control] [--cache FOLDER] [--only SHEET,…]

IMAGES is a folder with the images named in :data:`SHEETS`, as for tools/make_looks.py. The masks are drawn here. Single
pictures are kept in the cache folder, so that a run that was stopped goes on where it was; the sheets stay below 400 KB
each.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from make_looks import GAP, LINE, found, pasted, sheet_parser, write_sheets
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import nst_core as nst

Points = Sequence[tuple[float, float]]

SKYLINE: Points = (
    *((0, 0), (1, 0), (1, 0.21), (0.96, 0.19), (0.92, 0.27), (0.85, 0.28), (0.78, 0.3), (0.71, 0.36), (0.68, 0.33)),
    *((0.655, 0.17), (0.64, 0.3), (0.6, 0.41), (0.5, 0.41), (0.42, 0.4), (0.33, 0.45), (0.2, 0.46), (0, 0.47)),
)
SHORE: Points = ((0, 0.76), (0.18, 0.74), (0.38, 0.76), (0.6, 0.84), (0.8, 0.93), (0.93, 1), (0, 1))
FACE = (0.325, 0.1, 0.515, 0.37)


def polygon(points: Points) -> Callable[[ImageDraw.ImageDraw, int, int], None]:
    """Return what draws a polygon; the points are fractions of width and height."""
    return lambda draw, w, h: draw.polygon([(x * w, y * h) for x, y in points], fill=255)


def ellipse(box: Sequence[float]) -> Callable[[ImageDraw.ImageDraw, int, int], None]:
    """Return what draws an ellipse into a box of fractions of width and height."""
    return lambda draw, w, h: draw.ellipse((box[0] * w, box[1] * h, box[2] * w, box[3] * h), fill=255)


MASKS: Mapping[str, tuple[str, Callable[[ImageDraw.ImageDraw, int, int], None]]] = {
    "sky": ("tubingen", polygon(SKYLINE)),
    "water": ("tubingen", polygon(SHORE)),
    "face": ("astronaut", ellipse(FACE)),
}
"""What is drawn, and over which photograph."""


@dataclass(frozen=True)
class Picture:
    """One picture of a sheet: a photograph, styles and options; without styles, the photograph or mask itself."""

    title: str
    photo: str
    styles: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def blends(photo: str, styles: Sequence[str], shares: Sequence[Sequence[float]]) -> list[Picture]:
    """Return a picture for each blend."""
    titles = [" ".join(f"{share:.0%}" for share in one) for one in shares]
    return [
        Picture(title, photo, styles, {"blend": list(one), "fast": True})
        for title, one in zip(titles, shares, strict=True)
    ]


FOUR = ("starry_night", "shipwreck", "ihc", "brushwork")
SQUARE = [((1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v) for v in (0, 0.5, 1) for u in (0, 0.5, 1)]
SHEETS: Mapping[str, tuple[int, Sequence[Picture]]] = {
    "regions": (
        3,
        (
            Picture("the photograph", "tubingen"),
            Picture("sky.png", "mask:sky"),
            Picture("water.png", "mask:water"),
            Picture("one style", "tubingen", ["starry_night"]),
            Picture(
                "three styles",
                "tubingen",
                ["ihc", "starry_night", "shipwreck"],
                {"regions": ["sky=mask:sky:style=2", "water=mask:water:style=3"]},
            ),
            Picture(
                "--outside keep",
                "tubingen",
                ["starry_night"],
                {"regions": ["sky=mask:sky"], "outside": "keep"},
            ),
        ),
    ),
    "keep": (
        3,
        (
            Picture("face.png", "mask:face"),
            Picture("without", "astronaut", ["starry_night"]),
            Picture("--keep face.png", "astronaut", ["starry_night"], {"keep": "mask:face"}),
        ),
    ),
    "color": (
        4,
        tuple(
            Picture(f"--color {mode}", "tubingen", ["starry_night"], {"color": mode})
            for mode in ("style", "match", "luminance", "content")
        ),
    ),
    "scale": (
        3,
        tuple(
            Picture(f"--style-scale {scale}", "tubingen", ["starry_night"], {"style_scale": scale})
            for scale in (0.5, 1, 2)
        ),
    ),
    "blend": (5, blends("tubingen", FOUR[:2], [(1 - u, u) for u in (0, 0.25, 0.5, 0.75, 1)])),
    "square": (3, blends("tubingen", FOUR, SQUARE)),
}
"""Columns and pictures of every sheet."""


def drawn_mask(name: str, arguments: argparse.Namespace) -> Path:
    """Return a mask, drawn now unless the cache has it; its rim is soft."""
    path: Path = arguments.cache / f"mask-{name}.png"
    if not path.exists():
        photo, draw = MASKS[name]
        with Image.open(found(arguments.images, photo)) as image:
            mask = Image.new("L", image.size, 0)
        draw(ImageDraw.Draw(mask), *mask.size)
        mask.filter(ImageFilter.GaussianBlur(max(mask.size) / 200)).save(path)
    return path


def with_masks(value: Any, arguments: argparse.Namespace) -> Any:
    """Put the paths of masks in place of ``mask:NAME``."""
    if isinstance(value, list):
        return [with_masks(item, arguments) for item in value]
    if isinstance(value, str):
        for name in MASKS:
            value = value.replace(f"mask:{name}", str(drawn_mask(name, arguments)))
    return value


def made(picture: Picture, sheet: str, arguments: argparse.Namespace) -> Path:
    """Return a picture, made now unless the cache has it."""
    if picture.photo.startswith("mask:"):
        return drawn_mask(picture.photo.removeprefix("mask:"), arguments)
    photo = found(arguments.images, picture.photo)
    if not picture.styles:
        return photo
    about = picture.title.replace("/", "_").replace(" ", "_")
    path: Path = arguments.cache / f"{sheet}-{picture.photo}-{about}.png"
    if not path.exists():
        styles = [found(arguments.images, style) for style in picture.styles]
        options = {name: with_masks(value, arguments) for name, value in picture.options.items()}
        began = time.perf_counter()
        nst.stylize(photo, styles, size=arguments.size, **options).save(path)
        print(path.name, f"{time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    return path


def drawn(name: str, arguments: argparse.Namespace) -> Image.Image:
    """Draw a sheet."""
    columns, pictures = SHEETS[name]
    side = 300 if columns < 5 else 224
    paths = [made(picture, name, arguments) for picture in pictures]
    heights = []
    for path in paths:
        with Image.open(path) as image:
            heights.append(round(side * min(1.0, image.height / image.width)))
    tall, rows = max(heights), -(-len(pictures) // columns)
    canvas = Image.new("RGB", (columns * (side + GAP), rows * (LINE + tall + GAP)), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for number, (picture, path) in enumerate(zip(pictures, paths, strict=True)):
        x, y = number % columns * (side + GAP), number // columns * (LINE + tall + GAP)
        draw.text((x + side / 2, y + LINE - 6), picture.title, "black", font, anchor="ms")
        pasted(canvas, path, (x, y + LINE - (side - tall) // 2), side)
    return canvas


def main() -> None:
    """Make the sheets."""
    parser = sheet_parser(__doc__, "control", SHEETS)
    parser.add_argument("--size", type=int, default=384)
    arguments = parser.parse_args()
    write_sheets(arguments, lambda name: drawn(name, arguments))


if __name__ == "__main__":
    main()
