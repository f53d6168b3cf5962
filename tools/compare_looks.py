"""Compare looks over the pairs of two folders, of photographs and of paintings: the experiment behind the presets.

    python tools/compare_looks.py PHOTOS PAINTINGS --look "before=preset='content'" --look now= --cells FOLDER
        [--size 256] [--pairs N] [--threads N]

A look is a name and options of the API in TOML, with semicolons between them:
``--look "bold=style_weight=50.0; steps=150"``. The pictures of every look stay in FOLDER, for the eyes, with the
figures of ``nst eval`` beside them, and none is made twice. Prints the style pyramid of every pair, then a row for each
look: means over the pairs, the mean of its pyramid divided by that of the first look, and the mean of the ratios.
``--pairs`` takes that many of all pairs, in an order in which every photograph and every painting comes early.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tomllib
from pathlib import Path
from typing import Any

import nst_core as nst
from nst_core.experiments.metrics import evaluate_image
from nst_core.runtime.threads import processor_threads

FIGURES = ("pyramid", "content_mean", "frechet_mean", "self_similarity", "rim", "specks")
HEADINGS = (*FIGURES, "seconds", "pyramid of the first's", "mean of ratios")


def looks_of(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Read ``NAME=options``."""
    parts = [text.partition("=") for text in texts]
    return {name: tomllib.loads("\n".join(map(str.strip, options.split(";")))) for name, _, options in parts}


def pairs_of(photos: list[Path], paintings: list[Path]) -> list[tuple[Path, Path]]:
    """Return all pairs, diagonal by diagonal."""
    places = range(len(paintings))
    return [(photo, paintings[(i + shift) % len(places)]) for shift in places for i, photo in enumerate(photos)]


def figures(
    photo: Path, painting: Path, options: dict[str, Any], size: int, target: Path, session: nst.Session
) -> dict[str, float]:
    """Make a picture, unless it is there, and measure it with VGG-19, whatever made it."""
    known = target.with_suffix(".json")
    if not known.exists():
        result = nst.stylize(photo, painting, size=size, session=session, **options)
        result.save(target)
        judge = nst.make_job(photo, painting, session=session, extractor="vgg19").extractor
        metrics = evaluate_image(result.image, judge, session=session, content=str(photo), style=str(painting))
        measured = metrics.to_dict()
        known.write_text(json.dumps({name: measured[name] for name in FIGURES} | {"seconds": result.seconds}))
    found: dict[str, float] = json.loads(known.read_text())
    return found


def main() -> None:
    """Make what is missing, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--look", action="append", required=True, metavar="NAME=OPTIONS")
    parser.add_argument("--cells", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pairs", type=int, help="how many of the pairs; all by default")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    photos, paintings = (
        sorted(path for path in folder.iterdir() if path.is_file()) for folder in (options.photos, options.paintings)
    )
    pairs = pairs_of(photos, paintings)[: options.pairs]
    looks, session = looks_of(options.look), nst.Session()
    table: dict[str, list[dict[str, float]]] = {look: [] for look in looks}
    with processor_threads(options.threads):
        for number, (photo, painting) in enumerate(pairs, 1):
            for look, given in looks.items():
                folder = options.cells / f"{options.size}" / look
                folder.mkdir(parents=True, exist_ok=True)
                target = folder / f"{photo.stem}-{painting.stem}.png"
                table[look].append(figures(photo, painting, given, options.size, target, session))
            values = ", ".join(f"{look} {rows[-1]['pyramid']:.4f}" for look, rows in table.items())
            print(f"{number}/{len(pairs)} {photo.stem} {painting.stem}: {values}", flush=True)
    first = next(iter(table.values()))
    print(f"\n{options.size} px, {len(pairs)} pairs\n\n| | {' | '.join(HEADINGS)} |\n|---|{'---:|' * len(HEADINGS)}")
    for look, rows in table.items():
        means = {name: statistics.mean(row[name] for row in rows) for name in (*FIGURES, "seconds")}
        share = means["pyramid"] / statistics.mean(row["pyramid"] for row in first)
        ratios = statistics.mean(row["pyramid"] / before["pyramid"] for row, before in zip(rows, first, strict=True))
        print(f"| {look} | {' | '.join(f'{value:.4g}' for value in [*means.values(), share, ratios])} |")


if __name__ == "__main__":
    main()
