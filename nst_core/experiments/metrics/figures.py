"""The figures of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

__all__ = ["Metrics"]


@dataclass(frozen=True)
class Metrics:
    """The figures of one picture. Those that compare with an image are empty or ``None`` where there is none.

    Attributes:
        content: relative distance to the content image's features, by layer; 0 means equal.
        style: relative distance to the style image's Gram matrices, by layer; 0 means equal.
        pyramid: squared relative distance to the style image's Gram matrices, the mean over layers and octaves.
        pyramid_sizes: height and width of the picture in each octave, from large to small.
        frechet: relative Fréchet distance of the features to the style image's, by layer; 0 means equal moments.
        self_similarity: distance of the self-similarities of picture and content image, 0 to 2.
        structure_layer: where the self-similarities were compared; "" without a content image.
        edge_ssim: structural similarity of the edges of picture and content image, at most 1.
        rim: contrast of the rim against what lies inside it, relative to the content image; 1 means no frame.
        specks: share of the pixels that are isolated and clipped, 0 to 1.
        total_variation: of the picture.
        size: height and width of the picture.
        extractor: whose features were compared.
        weights_sha256: of the extractor's weights.
    """

    content: Mapping[str, float]
    style: Mapping[str, float]
    pyramid: float | None
    pyramid_sizes: tuple[tuple[int, int], ...]
    frechet: Mapping[str, float]
    self_similarity: float | None
    structure_layer: str
    edge_ssim: float | None
    rim: float | None
    specks: float
    total_variation: float
    size: tuple[int, int]
    extractor: str
    weights_sha256: str

    @property
    def content_mean(self) -> float | None:
        """Mean of :attr:`content` over the layers, ``None`` without a content image."""
        return _mean(self.content)

    @property
    def style_mean(self) -> float | None:
        """Mean of :attr:`style` over the layers, ``None`` without a style image."""
        return _mean(self.style)

    @property
    def frechet_mean(self) -> float | None:
        """Mean of :attr:`frechet` over the layers, ``None`` without a style image."""
        return _mean(self.frechet)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, the means with it."""
        means = {"content_mean": self.content_mean, "style_mean": self.style_mean, "frechet_mean": self.frechet_mean}
        return asdict(self) | means


def _mean(values: Mapping[str, float]) -> float | None:
    return fmean(values.values()) if values else None
