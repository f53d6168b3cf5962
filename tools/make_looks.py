"""Make the contact sheets of docs/looks.md: the default look, before and after, and the strength of the style.

    python tools/make_looks.py IMAGES [--folder docs/looks] [--cache FOLDER] [--only SHEET,…]

IMAGES is a folder that holds the images named in :data:`SHEETS`, in any format. Single pictures are kept in the cache
folder, so that a run that was stopped goes on where it was. The sheets themselves stay below 400 KB each.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from small_jpeg import save_small

import nst_core as nst

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 400_000
GAP, LINE = 8, 24
PAIRS = (
    ("tubingen", "starry_night"),
    ("astronaut", "starry_night"),
    ("cat", "shipwreck"),
    ("coffee", "ihc"),
    ("hoovertowernight", "shipwreck"),
    ("rocket", "brushwork"),
    ("tubingen", "ihc"),
    ("coffee", "starry_night"),
)


@dataclass(frozen=True)
class Sheet:
    """A contact sheet: a row for each pair of photograph and painting, a column for each set of options.

    Attributes:
        pairs: names of photograph and painting.
        columns: options of the API by title; ``None`` shows the photograph, "" the painting.
        size: longest side at which pictures are made, in pixels.
        side: longest side at which they are shown, in pixels.
    """

    pairs: Sequence[tuple[str, str]]
    columns: Mapping[str, Mapping[str, Any] | str | None]
    size: int
    side: int = 224


SHEETS: Mapping[str, Sheet] = {
    "presets": Sheet(
        PAIRS[:3],
        {
            "photograph": None,
            "painting": "",
            "--preset content": {"preset": "content"},
            "the default, painterly": {},
            "--fast": {"fast": True},
            "--preset patches": {"preset": "patches"},
        },
        size=384,
    ),
    "strength": Sheet(
        PAIRS,
        {f"--strength {strength:g}": {"strength": strength, "fast": True} for strength in (0, 0.25, 0.5, 0.75, 1)},
        size=256,
    ),
}


def found(images: Path, name: str) -> Path:
    """Return the image of a name.

    Raises:
        SystemExit: there is none.
    """
    matching = sorted(images.glob(f"{name}.*"))
    if not matching:
        sys.exit(f"{images} has no image named {name}")
    return matching[0]


def pasted(canvas: Image.Image, picture: Path, place: tuple[int, int], side: int) -> None:
    """Put a picture into its cell, centred."""
    with Image.open(picture) as image:
        small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    canvas.paste(small, (place[0] + (side - small.width) // 2, place[1] + (side - small.height) // 2))


def made(pair: tuple[str, str], options: Mapping[str, Any], size: int, arguments: argparse.Namespace) -> Path:
    """Return the picture of a pair, made now unless the cache has it."""
    about = "-".join(f"{key}={value}" for key, value in options.items()).replace("/", "_") or "default"
    path: Path = arguments.cache / f"{'-'.join(pair)}-{about}-{size}.png"
    if not path.exists():
        content, style = (found(arguments.images, name) for name in pair)
        began = time.perf_counter()
        nst.stylize(content, style, size=size, **options).save(path)
        print(path.name, f"{time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    return path


def drawn(sheet: Sheet, arguments: argparse.Namespace) -> Image.Image:
    """Draw a sheet."""
    side = sheet.side
    canvas = Image.new("RGB", (len(sheet.columns) * (side + GAP), LINE + len(sheet.pairs) * (side + GAP)), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for across, (title, options) in enumerate(sheet.columns.items()):
        x = across * (side + GAP)
        draw.text((x + side / 2, LINE - 6), title, "black", font, anchor="ms")
        for down, pair in enumerate(sheet.pairs):
            if isinstance(options, Mapping):
                picture = made(pair, options, sheet.size, arguments)
            else:
                picture = found(arguments.images, pair[0] if options is None else pair[1])
            pasted(canvas, picture, (x, LINE + down * (side + GAP)), side)
    return canvas


def written(canvas: Image.Image, path: Path, quality: int) -> None:
    """Write a sheet as JPEG."""
    canvas.save(path, quality=quality, optimize=True)


def sheet_parser(description: str | None, page: str, sheets: Iterable[str]) -> argparse.ArgumentParser:
    """Return the parser of a tool that makes the sheets of a page of docs."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / page)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / page)
    parser.add_argument("--only", default=",".join(sheets), help="names of sheets, with commas")
    return parser


def write_sheets(arguments: argparse.Namespace, draw: Callable[[str], Image.Image]) -> None:
    """Draw the sheets asked for, and write each in less than the most bytes."""
    for folder in (arguments.folder, arguments.cache):
        folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.only.split(","):
        target = arguments.folder / f"{name}.jpg"
        save_small(target, MOST_BYTES, functools.partial(written, draw(name), target))


def main() -> None:
    """Make the sheets."""
    arguments = sheet_parser(__doc__, "looks", SHEETS).parse_args()
    write_sheets(arguments, lambda name: drawn(SHEETS[name], arguments))


if __name__ == "__main__":
    main()
