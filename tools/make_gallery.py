"""Make the pictures and the page of docs/gallery: all pairs of photographs and paintings in the presets and sizes.

    python tools/make_gallery.py IMAGES [--weights PATH] [--folder docs/gallery]

IMAGES is a folder with tubingen.jpg, hoovertowernight.jpg, starry_night.jpg and shipwreck.jpg. What is there
already is kept, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from small_jpeg import save_small

import nst_core as nst

ROOT = Path(__file__).resolve().parent.parent
CONTENTS = ("tubingen", "hoovertowernight")
STYLES = ("starry_night", "shipwreck")
# Evaluations by size and preset, of the smallest level: enough that more of them no longer show.
STEPS = {
    (512, "painterly"): 100,
    (256, "content"): 200,
    (256, "noise"): 200,
    (512, "content"): 100,
    (512, "noise"): 150,
}
MOST_BYTES = 100_000
NAMES = {
    "tubingen": "Tübingen",
    "hoovertowernight": "Hoover Tower",
    "starry_night": "The Starry Night",
    "shipwreck": "The Shipwreck",
}


@dataclass(frozen=True)
class Picture:
    """One picture of the gallery."""

    content: str
    style: str
    preset: str
    size: int

    @property
    def name(self) -> str:
        """File name."""
        return f"{self.content}-{self.style}-{self.preset}-{self.size}.jpg"


def pictures() -> Iterator[Picture]:
    """All pictures, small ones first."""
    for size, preset in STEPS:
        for content in CONTENTS:
            for style in STYLES:
                yield Picture(content, style, preset, size)


def make(picture: Picture, images: Path, weights: str, folder: Path) -> dict[str, object]:
    """Make one picture, in the best JPEG quality that stays small; return its figures."""
    options: dict[str, Any] = {"preset": picture.preset, "size": picture.size}
    options["steps"] = STEPS[picture.size, picture.preset]
    options["extractor"] = "vgg19"
    if weights:
        options["weights"] = weights
    result = nst.stylize(images / f"{picture.content}.jpg", images / f"{picture.style}.jpg", **options)
    target = folder / picture.name
    # Not the result's own save: its recipe would name paths of this machine.
    save_small(target, MOST_BYTES, lambda quality: nst.save_image(result.image, target, quality=quality))
    return {
        "first_total": result.history[0],
        "total": result.total,
        "evaluations": result.evaluations,
        "seconds": round(result.seconds, 1),
        "precision": result.job.precision,
        "torch": torch.__version__,
    }


def command(picture: Picture) -> str:
    """Return what makes the same picture."""
    steps = STEPS[picture.size, picture.preset]
    options = f"--preset {picture.preset} --size {picture.size} --steps {steps}"
    return f"nst run {picture.content}.jpg {picture.style}.jpg {options}"


def page(figures: dict[str, dict[str, float]]) -> str:
    """Write the page from the figures."""
    lines = [
        "# Gallery",
        "",
        "Below every picture is the command that makes it. `python tools/make_gallery.py IMAGES` made all of them, and",
        "writes this page too. The seed is 0 and everything else is at its default; *loss* is the total at the first",
        "evaluation, and at the best one of the last level. The number of evaluations is that of the smallest level.",
        "Content: photographs of Tübingen and of Hoover Tower. Style: Van Gogh, *The Starry Night*; Turner, *The",
        "Shipwreck of the Minotaur*. More pictures: [looks](../looks.md), [regions and colours](../control.md), [style",
        "losses](../losses.md), [large pictures](../large.md), [clips](../video.md).",
    ]
    for (size, preset), steps in STEPS.items():
        shown = [p for p in pictures() if p.size == size and p.preset == preset and p.name in figures]
        if not shown:
            continue
        lines += ["", f"## Preset `{preset}`, {size} px, {steps} evaluations", ""]
        for p in shown:
            f = figures[p.name]
            share = 100 * f["total"] / f["first_total"]
            lines += [f"![{NAMES[p.content]} in the manner of {NAMES[p.style]}]({p.name})", ""]
            lines += ["```sh", command(p), "```", ""]
            lines += [f"Loss {f['first_total']:.4g} → {f['total']:.4g}, {share:.1f} % of the first.", ""]
        lines.pop()
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--weights", default="", help="file or name of a weight set; the best at hand by default")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "gallery")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    record = options.folder / "figures.json"
    figures = json.loads(record.read_text()) if record.exists() else {}
    for picture in pictures():
        if picture.name in figures and (options.folder / picture.name).exists():
            continue
        figures[picture.name] = make(picture, options.images, options.weights, options.folder)
        record.write_text(json.dumps(figures, indent=1) + "\n")
        (options.folder / "README.md").write_text(page(figures))
        print(picture.name, figures[picture.name], file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
