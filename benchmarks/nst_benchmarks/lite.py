"""How near the embedded extractor comes to VGG-19: the same jobs with both, judged by VGG-19 in float32.

    python -m nst_benchmarks.lite --content PHOTO… --style PAINTING… --out FOLDER [--weights VGG19]
    python -m nst_benchmarks.lite --speed [--size 512] [--weights VGG19]

Every photograph goes with every painting. Judged are the pictures as they were saved. A picture of VGG-19 that is in
FOLDER already is not made again. The speed is that of an evaluation, with everything that belongs to one; the two
alternate, the first of two in a row is not counted, and medians are given. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst_benchmarks.pair import Pair
from nst_benchmarks.timing import alternating
from nst_core import Component, Extractor, Session, default_registry, load_image, make_job, stylize
from nst_core.job.schema import Precision
from nst_plugins.losses.gram_style import GramStyle

__all__ = ["Comparison", "Judge", "compare"]

FULL, LITE = "vgg19", "vgg19-lite"


@dataclass(frozen=True)
class Comparison:
    """One photograph in the manner of one painting, by both networks.

    Style losses are ``relative``: Σ (A_S - A_G)² / Σ A_S², by tap. A share is the part of the decrease from the
    content image to VGG-19's picture that the stand-in's picture reaches.

    Attributes:
        name: of the pair.
        start: style loss of the content image.
        full: style loss of VGG-19's picture.
        lite: style loss of the stand-in's picture.
        content_full: content loss of VGG-19's picture, the mean squared difference at conv3_4.
        content_lite: the same of the lite network's picture.
        share: over the mean of the five taps.
        shares: by tap.
        worst: largest ratio of a tap's style loss to that of VGG-19's picture.
    """

    name: str
    start: dict[str, float]
    full: dict[str, float]
    lite: dict[str, float]
    content_full: float
    content_lite: float
    share: float
    shares: dict[str, float]
    worst: float


class Judge:
    """VGG-19 in float32."""

    def __init__(self, weights: str = "") -> None:
        extractor: Extractor = default_registry().create("extractor", Component(FULL, {"weights": weights}))
        self.style_layers = extractor.style_layers
        self.content_layer = extractor.content_layers[0]
        self._channels = {layer: tap.channels for layer, tap in extractor.taps().items()}
        self._layers = tuple(dict.fromkeys((*self.style_layers, self.content_layer)))
        self._network = extractor.build(self._layers)
        self._loss = GramStyle("relative")

    @torch.no_grad()
    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Return the feature maps of an image ``(1, 3, H, W)`` by layer."""
        return dict(zip(self._layers, self._network(image), strict=True))

    def style(self, image: Tensor, painting: Tensor) -> dict[str, float]:
        """Return the relative style loss by tap."""
        found, wanted = self.features(image), self.features(painting)
        return {
            layer: self._loss.criterion(
                self._loss.statistic(found[layer]), self._loss.statistic(wanted[layer]), self._channels[layer]
            ).item()
            for layer in self.style_layers
        }

    def content(self, image: Tensor, photo: Tensor) -> float:
        """Return the mean squared difference at the content layer."""
        layer = self.content_layer
        return (self.features(image)[layer] - self.features(photo)[layer]).square().mean().item()


def compare(
    judge: Judge, photo: Path, painting: Path, out: Path, *, size: int, steps: int, full: str = "", lite: str = ""
) -> Comparison:
    """Style one photograph with both networks and judge the saved pictures.

    Args:
        judge: measures the losses.
        photo: the content image.
        painting: the style image.
        out: folder for the pictures.
        size: longest side in pixels.
        steps: evaluations of each run.
        full: weights of VGG-19, "" for the ones at hand.
        lite: weights of the stand-in, "" for the embedded ones.
    """
    name = f"{photo.stem}-{painting.stem}"
    images = {}
    for extractor, weights in ((FULL, full), (LITE, lite)):
        target = out / f"{name}-{extractor}.png"
        if extractor == LITE or not target.exists():
            options: dict[str, Any] = {"extractor": extractor, "size": size, "steps": steps, "preset": "content"}
            if weights:
                options["weights"] = weights
            stylize(photo, painting, **options).save(target)
        images[extractor] = load_image(target, size=size).pixels
    content, style = (load_image(path, size=size).pixels for path in (photo, painting))
    start = judge.style(content, style)
    losses = {extractor: judge.style(image, style) for extractor, image in images.items()}
    return Comparison(
        name=name,
        start=start,
        full=losses[FULL],
        lite=losses[LITE],
        content_full=judge.content(images[FULL], content),
        content_lite=judge.content(images[LITE], content),
        share=_share(*(sum(values.values()) for values in (start, losses[FULL], losses[LITE]))),
        shares={layer: _share(start[layer], losses[FULL][layer], losses[LITE][layer]) for layer in start},
        worst=max(losses[LITE][layer] / losses[FULL][layer] for layer in start),
    )


def _share(start: float, full: float, lite: float) -> float:
    return (start - lite) / (start - full)


def speed(width: int, weights: str, precision: Precision, rounds: int) -> dict[str, float]:
    """Return the median seconds of an evaluation with either network, and how often one goes into the other.

    Args:
        width: of two generated images in pixels; heights are three quarters.
        weights: of VGG-19.
        precision: of the networks.
        rounds: evaluations of each.
    """
    images = Pair.generated(width)
    runs: dict[str, Callable[[], object]] = {}
    for extractor in (FULL, LITE):
        options: dict[str, Any] = {
            "extractor": extractor,
            "size": width,
            "precision": precision,
            "device": "cpu",
            "levels": "off",
        }
        if extractor == FULL and weights:
            options["weights"] = weights
        job = make_job(images.content, images.style, **options)
        prepared = Session().prepare(job, content=images.content, styles=[images.style])
        runs[extractor] = prepared.problem().evaluate
    found = alternating(runs, rounds)
    return found | {"ratio": found[FULL] / found[LITE]}


def lines(found: Comparison) -> list[str]:
    """Return a comparison as a table of text."""
    rows = [f"{found.name}: share {found.share:.1%}, worst tap {found.worst:.1f}x"]
    for layer, share in found.shares.items():
        figures = f"{found.start[layer]:9.4f} {found.full[layer]:9.4f} {found.lite[layer]:9.4f}"
        rows.append(f"  {layer} start, full, lite {figures}  share {share:.1%}")
    rows.append(f"  content full, lite {found.content_full:.4f} {found.content_lite:.4f}")
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Compare all pairs and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", type=Path, nargs="+", default=[])
    parser.add_argument("--style", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, default=Path("lite"))
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rounds", type=int, default=9, help="evaluations that a median is of")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of the speed")
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--weights", default="", help="of VGG-19")
    parser.add_argument("--lite-weights", default="", help="of the stand-in; the embedded ones by default")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.speed:
        for name, value in speed(asked.size, asked.weights, asked.precision, asked.rounds).items():
            sys.stdout.write(f"{name}\t{value:.4g}\n")
        return
    if not asked.content or not asked.style:
        parser.error("name photographs with --content and paintings with --style, or ask for the --speed")
    asked.out.mkdir(parents=True, exist_ok=True)
    judge = Judge(asked.weights)
    results: list[dict[str, Any]] = []
    for photo in asked.content:
        for painting in asked.style:
            found = compare(
                judge,
                photo,
                painting,
                asked.out,
                size=asked.size,
                steps=asked.steps,
                full=asked.weights,
                lite=asked.lite_weights,
            )
            results.append(asdict(found))
            if not asked.json:
                sys.stdout.write("\n".join(lines(found)) + "\n")
                sys.stdout.flush()
    if asked.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
