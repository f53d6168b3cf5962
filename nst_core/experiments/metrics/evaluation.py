"""Measuring a picture: all figures at once, in float32, so that every run is measured by the same rule."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nst_core.components import Extractor
from nst_core.engine.session import Session
from nst_core.errors import ImageError
from nst_core.experiments.metrics.figures import Metrics
from nst_core.experiments.metrics.frechet import frechet_distance
from nst_core.experiments.metrics.layers import metric_layers, structure_layer
from nst_core.experiments.metrics.moments import Moments, feature_moments, relative_gram_distance
from nst_core.experiments.metrics.pyramid import octaves, pyramid_distance
from nst_core.experiments.metrics.rim import relative_rim
from nst_core.experiments.metrics.self_similarity import self_similarity_distance
from nst_core.experiments.metrics.similarity import edge_ssim
from nst_core.experiments.metrics.specks import speck_share
from nst_core.experiments.metrics.total_variation import total_variation
from nst_core.images import ImageInput, Picture
from nst_core.images.resize import resample
from nst_core.job.schema import Component
from nst_core.objective.networks import check_minimum, network_on
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import choose_device

__all__ = ["evaluate_image"]

# How far the shapes of picture and content image may be apart: rounding to whole pixels and to a network's stride.
MOST_STRETCH = 0.05


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
        style_size: longest side that the style image is made smaller to; by default it is brought to that of the
            picture, as a job does.
        layers: see :func:`metric_layers`.
        device: where to compute.

    Raises:
        JobError: see :func:`metric_layers`.
        ImageError: an image cannot be read or is too small for a layer, or content image and picture have different
            shapes.
    """
    chosen = metric_layers(session, extractor, layers)
    network = session.cache.extractor(session.registry, extractor)
    place = choose_device(device)
    key = (extractor, tuple(chosen), (), place, torch.float32)
    module, _ = session.cache.network(key, lambda: network_on(network, chosen, place, torch.float32))
    eye = _Eye(network, chosen, module, place, key, session.cache)

    def loaded(source: ImageInput, role: str, size: int | None = None, enlarge: bool = False) -> Picture:
        picture = session.images.open(source, role).at(size, enlarge=enlarge)
        check_minimum(chosen, network, {role: (picture.pixels.shape[-2], picture.pixels.shape[-1])})
        return picture

    with torch.no_grad():
        pixels = loaded(image, "image").pixels
        size = (pixels.shape[-2], pixels.shape[-1])
        wanted = max(size)
        photograph = None if content is None else _matching(loaded(content, "content image", wanted, True), size)
        wanted = style_size or wanted
        painting = None if style is None else loaded(style, "style image", wanted, style_size is None)
        maps = eye.maps(pixels) if content is not None or style is not None else {}
        layout = _Layout.of(eye, maps, photograph)
        manner = _Manner.of(eye, pixels, maps, painting)
    return Metrics(
        content=layout.content,
        style=manner.style,
        pyramid=manner.pyramid,
        pyramid_sizes=manner.sizes,
        frechet=manner.frechet,
        self_similarity=layout.self_similarity,
        structure_layer=layout.layer,
        edge_ssim=None if photograph is None else edge_ssim(pixels, photograph),
        rim=None if photograph is None else relative_rim(pixels, photograph),
        specks=speck_share(pixels),
        total_variation=total_variation(pixels),
        size=size,
        extractor=extractor.name,
        weights_sha256=network.fingerprint(),
    )


@dataclass(frozen=True)
class _Eye:
    """A network at the layers to compare at, on a device."""

    extractor: Extractor
    layers: Sequence[str]
    module: nn.Module
    device: torch.device
    key: Hashable
    cache: Cache

    def maps(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the feature maps of an image by layer."""
        return dict(zip(self.layers, self.module(pixels.to(self.device)), strict=True))

    def moments(self, pixels: Tensor) -> dict[str, Moments]:
        """Return the moments of an image's feature maps by layer."""
        return {layer: feature_moments(feature) for layer, feature in self.maps(pixels).items()}

    def known_moments(self, picture: Picture, size: tuple[int, int]) -> dict[str, Moments]:
        """Return the moments of a style image at a size, which the session remembers."""
        key = (self.key, "metric", picture.sha256, tuple(picture.pixels.shape), size)
        found: dict[str, Moments] | None = self.cache.target(key)
        if found is None:
            found = self.moments(resample(picture.pixels, size))
            self.cache.keep_target(key, found)
        return found


@dataclass(frozen=True)
class _Layout:
    """What the network tells of picture and content image."""

    content: Mapping[str, float]
    self_similarity: float | None = None
    layer: str = ""

    @classmethod
    def of(cls, eye: _Eye, maps: Mapping[str, Tensor], photograph: Tensor | None) -> _Layout:
        """Compare the maps of a picture with those of its content image, of the same size."""
        if photograph is None:
            return cls({})
        aims = eye.maps(photograph)
        layer = structure_layer(eye.layers, eye.extractor.content_layers)
        distances = {name: _relative(maps[name], aim) for name, aim in aims.items()}
        return cls(distances, self_similarity_distance(maps[layer], aims[layer]), layer)


@dataclass(frozen=True)
class _Manner:
    """What the network tells of picture and style image."""

    style: Mapping[str, float]
    frechet: Mapping[str, float]
    pyramid: float | None = None
    sizes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, eye: _Eye, pixels: Tensor, maps: Mapping[str, Tensor], painting: Picture | None) -> _Manner:
        """Compare the moments of a picture with those of a style image, in all octaves."""
        if painting is None:
            return cls({}, {})
        taps = eye.extractor.taps()
        size, other = ((x.shape[-2], x.shape[-1]) for x in (pixels, painting.pixels))
        sizes = octaves(size, other, max(taps[layer].stride for layer in eye.layers))
        own = [{layer: feature_moments(feature) for layer, feature in maps.items()}]
        own += [eye.moments(resample(pixels, smaller)) for smaller, _ in sizes[1:]]
        aims = [eye.known_moments(painting, smaller) for _, smaller in sizes]
        return cls(
            {layer: relative_gram_distance(own[0][layer], aims[0][layer]) for layer in eye.layers},
            {layer: frechet_distance(own[0][layer], aims[0][layer]) for layer in eye.layers},
            pyramid_distance(own, aims),
            tuple(smaller for smaller, _ in sizes),
        )


def _relative(value: Tensor, target: Tensor) -> float:
    norm = float(target.norm())
    return float((value - target).norm()) / norm if norm > 0 else float(value.norm())


def _matching(picture: Picture, size: tuple[int, int]) -> Tensor:
    """Bring the content image to the picture's height and width."""
    height, width = picture.pixels.shape[-2:]
    stretch = (size[1] / size[0]) / (width / height)
    if abs(stretch - 1) > MOST_STRETCH:
        raise ImageError(
            f"the image has {size[1]}×{size[0]} pixels and the content image the shape {width}×{height}: their "
            "proportions differ, so their features cannot be compared; omit --content, or crop one of them"
        )
    return resample(picture.pixels, size)
