"""Painting in luminance alone, under the photograph's chroma."""

from __future__ import annotations

from torch import Tensor

from nst_core import ImageTransform, JobError
from nst_plugins.transforms.matching import EPSILON
from nst_plugins.ycbcr import luminance, with_chroma_of

__all__ = ["LuminanceOnly", "matched_luminance"]


class LuminanceOnly(ImageTransform):
    """Only the luminance is painted; the chroma is the photograph's.

    Photograph and style images are seen in grey, and the optimizer changes a grey picture. The luminance of the style
    image gets the mean and the standard deviation of the photograph's (Gatys et al., Preserving Color in Neural
    Artistic Style Transfer, arXiv:1606.05897, luminance-only transfer). At the end the picture gets the photograph's
    chroma, Cb and Cr of BT.601 in full range, as neural-style recombines it; what leaves the gamut is clamped.
    """

    needs_content = True
    parametrization = "luminance"

    def transform(self, image: Tensor, content: Tensor | None) -> Tensor:
        """Return the style image's luminance, matched to the photograph's, in three equal channels."""
        if content is None:
            raise JobError("there is no content image whose luminance the style image could get")
        return matched_luminance(luminance(image), luminance(content)).repeat(1, 3, 1, 1)

    def content_image(self, content: Tensor) -> Tensor:
        """Return the photograph's luminance in three equal channels."""
        return luminance(content).repeat(1, 3, 1, 1)

    def finish(self, pastiche: Tensor, content: Tensor | None) -> Tensor:
        """Return the picture with the photograph's chroma."""
        if content is None:
            raise JobError("there is no content image whose chroma the picture could get")
        return with_chroma_of(pastiche, content)


def matched_luminance(image: Tensor, target: Tensor) -> Tensor:
    """Return a luminance with mean and standard deviation of another one.

    y' = (σ_t / σ_s) (y - μ_s) + μ_t, with ε added to both variances.

    Args:
        image: ``(1, 1, H, W)`` in [0, 1].
        target: ``(1, 1, H', W')`` in [0, 1].

    Returns:
        ``(1, 1, H, W)`` of the image's dtype, clamped to [0, 1].
    """
    wide, wanted = image.double(), target.double()
    ratio = (wanted.var(correction=0) + EPSILON) / (wide.var(correction=0) + EPSILON)
    found = (wide - wide.mean()) * ratio.sqrt() + wanted.mean()
    return found.clamp(0.0, 1.0).to(image.dtype)
