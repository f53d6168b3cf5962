"""The same numbers for every picture, whatever it was optimised for and whoever made it.

With F the feature map of the picture at a tap, and A = F Fᵀ / M its position-averaged Gram matrix:

- content: ‖F - F_C‖ / ‖F_C‖, the relative distance to the content image's features (0: the same);
- style: ‖A - A_S‖ / ‖A_S‖, the relative distance to the style image's Gram matrices;
- total variation: the mean over pixels of the squared differences to the right and lower neighbours, summed over
  channels, as the loss ``tv`` has it.

All in float32, so that a run in bfloat16 is measured by the same rule as any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.session import Session
from nst_core.errors import ImageError, JobError
from nst_core.images import ImageInput, Picture
from nst_core.job.schema import Component, Job
from nst_core.objective.networks import check_minimum, layers_used, network_on
from nst_core.ops import gram
from nst_core.runtime.device import choose_device

__all__ = ["Metrics", "evaluate_image", "layers_for", "metric_layers", "total_variation"]

# How far the shapes of picture and content image may be apart: rounding to whole pixels and to a network's stride.
MOST_STRETCH = 0.05


@dataclass(frozen=True)
class Metrics:
    """Distances of one picture.

    Attributes:
        content: relative distance to the content image's features by layer; empty without a content image.
        style: relative distance to the style image's Gram matrices by layer; empty without a style image.
        total_variation: of the picture.
        size: height and width of the picture.
        extractor: whose features were compared.
        weights_sha256: of the extractor's weights.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    total_variation: float
    size: tuple[int, int]
    extractor: str
    weights_sha256: str

    @property
    def content_mean(self) -> float | None:
        """Mean over the layers, ``None`` without a content image."""
        return fmean(self.content.values()) if self.content else None

    @property
    def style_mean(self) -> float | None:
        """Mean over the layers, ``None`` without a style image."""
        return fmean(self.style.values()) if self.style else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, the means with it."""
        return asdict(self) | {"content_mean": self.content_mean, "style_mean": self.style_mean}


def metric_layers(session: Session, extractor: Component, layers: Sequence[str] = ()) -> list[str]:
    """Return the layers to compare at: those given ("all" is all), else those that the extractor's presets use.

    Raises:
        JobError: a layer does not exist, or none is given and the presets use none.
    """
    network = session.cache.extractor(session.registry, extractor)
    taps = network.taps()
    if list(layers) == ["all"]:
        return list(taps)
    wanted = set(layers or (*network.content_layers, *network.style_layers))
    if not wanted:
        raise JobError(
            f"the extractor '{extractor.name}' has no default layers; name some with --layers; "
            f"there are: {', '.join(taps)}"
        )
    for layer in wanted - set(taps):
        raise JobError(f"the extractor '{extractor.name}' has no layer '{layer}'; there are: {', '.join(taps)}")
    return [layer for layer in taps if layer in wanted]


def layers_for(job: Job, session: Session) -> list[str]:
    """Return the layers to compare the picture of a job at: those of the presets, else those that its losses use.

    Raises:
        JobError: there are none of either.
    """
    network = session.cache.extractor(session.registry, job.extractor)
    if network.content_layers or network.style_layers:
        return metric_layers(session, job.extractor)
    return metric_layers(session, job.extractor, layers_used(job, network))


def total_variation(image: Tensor) -> float:
    """Mean over pixels of the squared differences to the right and lower neighbours, summed over channels.

    Args:
        image: ``(1, 3, H, W)`` in [0, 1].
    """
    _, _, height, width = image.shape
    squares = image.diff(dim=-2).square().sum() + image.diff(dim=-1).square().sum()
    return float(squares) / (height * width)


def evaluate_image(
    image: ImageInput,
    extractor: Component,
    *,
    session: Session,
    content: ImageInput | None = None,
    style: ImageInput | None = None,
    style_size: int | None = None,
    layers: Sequence[str] = (),
    device: str = "auto",
) -> Metrics:
    """Measure a picture.

    Args:
        image: the picture, at its own size.
        extractor: whose features are compared.
        session: its images and networks are used.
        content: content image; it is brought to the picture's size.
        style: style image.
        style_size: longest side that the style image is made smaller to; that of the picture by default.
        layers: see :func:`metric_layers`.
        device: where to compute.

    Raises:
        JobError: see :func:`metric_layers`.
        ImageError: an image cannot be read or is too small for a layer, or content image and picture have different
            shapes.
    """
    cache = session.cache
    chosen = metric_layers(session, extractor, layers)
    network = cache.extractor(session.registry, extractor)
    place = choose_device(device)
    key = (extractor, tuple(chosen), (), place, torch.float32)
    module, _ = cache.network(key, lambda: network_on(network, chosen, place, torch.float32))

    def loaded(source: ImageInput, role: str, size: int | None = None) -> Picture:
        picture = session.images.open(source, role).at(size)
        check_minimum(chosen, network, {role: (picture.pixels.shape[-2], picture.pixels.shape[-1])})
        return picture

    def features(pixels: Tensor) -> dict[str, Tensor]:
        return dict(zip(chosen, module(pixels.to(place)), strict=True))

    def grams(picture: Picture) -> dict[str, Tensor]:
        return {layer: _gram(f) for layer, f in features(picture.pixels).items()}

    with torch.no_grad():
        picture = loaded(image, "image")
        height, width = picture.pixels.shape[-2:]
        found = features(picture.pixels)
        content_distance, style_distance = {}, {}
        if content is not None:
            aim = features(_matching(loaded(content, "content image", max(height, width)), (height, width)))
            content_distance = {layer: _relative(found[layer], aim[layer]) for layer in chosen}
        if style is not None:
            manner = loaded(style, "style image", style_size or max(height, width))
            known = (key, "metric", manner.sha256, tuple(manner.pixels.shape))
            targets = cache.target(known)
            if targets is None:
                targets = grams(manner)
                cache.keep_target(known, targets)
            style_distance = {layer: _relative(_gram(found[layer]), targets[layer]) for layer in chosen}
    return Metrics(
        content_distance,
        style_distance,
        total_variation(picture.pixels),
        (height, width),
        extractor.name,
        network.fingerprint(),
    )


def _gram(feature: Tensor) -> Tensor:
    return gram(feature) / (feature.shape[-2] * feature.shape[-1])


def _relative(value: Tensor, target: Tensor) -> float:
    norm = float(target.norm())
    return float((value - target).norm()) / norm if norm > 0 else float(value.norm())


def _matching(picture: Picture, size: tuple[int, int]) -> Tensor:
    """Bring the content image to the picture's height and width."""
    height, width = picture.pixels.shape[-2:]
    if (height, width) == size:
        return picture.pixels
    stretch = (size[1] / size[0]) / (width / height)
    if abs(stretch - 1) > MOST_STRETCH:
        raise ImageError(
            f"the image has {size[1]}×{size[0]} pixels and the content image the shape {width}×{height}: their "
            "proportions differ, so their features cannot be compared; omit --content, or crop one of them"
        )
    return F.interpolate(picture.pixels, size=size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
