"""The painting in the photograph's colours."""

from __future__ import annotations

from torch import Tensor

from nst_core import ImageTransform, JobError
from nst_plugins.transforms.matching import Method, matched

__all__ = ["Match"]


class Match(ImageTransform):
    """The style image gets mean and covariance of the photograph's colours, before its features are taken.

    ``method`` says by which map of the colours; see :func:`nst_plugins.transforms.matching.matching_matrix`. All of
    them give the same mean and covariance. ``ot`` moves colours least, so what was blue stays the bluest;
    ``cholesky`` and ``pca`` are those of Gatys et al. (arXiv:1606.05897).
    """

    needs_content = True

    def __init__(self, method: Method = "ot") -> None:
        self.method = method

    def transform(self, image: Tensor, content: Tensor | None) -> Tensor:
        """Return the style image in the photograph's colours, clamped to [0, 1]."""
        if content is None:
            raise JobError("there is no content image whose colours the style image could get")
        return matched(image, content, self.method).clamp(0.0, 1.0).to(image.dtype)
