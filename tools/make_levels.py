"""Make the sheet of docs/large.md: a small picture, a large one by way of smaller levels, and a large one at one level.

    python tools/make_levels.py IMAGES [--folder docs/large] [--cache FOLDER]

IMAGES is a folder that holds tubingen and starry_night, in any format. The pictures, which take a minute on two
cores, are kept in the cache folder, and one that is there already is not painted again.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from make_looks import found
from PIL import Image, ImageDraw, ImageFont
from small_jpeg import save_small

import nst_core as nst

ROOT = Path(__file__).resolve().parent.parent
PAIR = ("tubingen", "starry_night")
SHARED = {"preset": "content", "extractor": "vgg19-lite", "steps": 120}
COLUMNS = {
    "small": ("256 px", {"size": 256, "levels": "off"}),
    "three-levels": ("1024 px, --levels 256,512,1024", {"size": 1024, "levels": "256,512,1024"}),
    "one-level": ("1024 px, --levels off", {"size": 1024, "levels": "off"}),
}
PART = (0.42, 0.08, 0.72, 0.38)
"""Left, top, right and bottom of the part that the second row shows, as shares of the picture."""
SIDE, GAP, LINE = 424, 7, 27
MOST_BYTES = 300_000


def made(name: str, arguments: argparse.Namespace) -> Path:
    """Return a picture, painted now unless the cache has it."""
    path: Path = arguments.cache / f"{name}.png"
    if not path.exists():
        content, style = (found(arguments.images, image) for image in PAIR)
        began = time.perf_counter()
        result = nst.stylize(content, style, **SHARED, **COLUMNS[name][1])
        result.save(path)
        print(f"{path.name}: {time.perf_counter() - began:.0f} s, loss {result.total:.1f}", file=sys.stderr, flush=True)
    return path


def drawn(arguments: argparse.Namespace) -> Image.Image:
    """Draw the sheet: whole pictures above, the same part of each below."""
    height = SIDE * 3 // 4
    canvas = Image.new("RGB", (len(COLUMNS) * (SIDE + GAP) - GAP, 2 * (LINE + height)), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(17)
    for across, (name, (title, _)) in enumerate(COLUMNS.items()):
        with Image.open(made(name, arguments)) as opened:
            picture = opened.convert("RGB")
        sides = 2 * picture.size
        part = picture.crop([round(share * side) for share, side in zip(PART, sides, strict=True)])
        left = across * (SIDE + GAP)
        for down, (label, shown) in enumerate(((title, picture), ("a part of it", part))):
            top = down * (LINE + height)
            draw.text((left, top + LINE - 8), label, "black", font, anchor="ls")
            canvas.paste(shown.resize((SIDE, height), Image.Resampling.LANCZOS), (left, top + LINE))
    return canvas


def main() -> None:
    """Paint what is missing, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "large")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "large")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    canvas = drawn(arguments)
    path = arguments.folder / "levels.jpg"
    save_small(path, MOST_BYTES, lambda quality: canvas.save(path, quality=quality, optimize=True))
    print(path)


if __name__ == "__main__":
    main()
