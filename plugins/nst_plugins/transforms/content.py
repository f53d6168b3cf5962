"""The photograph's colours over the finished picture."""

from __future__ import annotations

from torch import Tensor

from nst_core import ImageTransform, JobError
from nst_plugins.ycbcr import with_chroma_of

__all__ = ["ContentColors"]


class ContentColors(ImageTransform):
    """The finished picture gets the photograph's chroma: Y of the one, Cb and Cr of the other.

    The optimization is that of the painting's own colours; only what comes out is recombined, in BT.601 in full
    range, as neural-style does with ``-original_colors``. What leaves the gamut is clamped.
    """

    needs_content = True

    def transform(self, image: Tensor, content: Tensor | None) -> Tensor:  # noqa: ARG002
        """Return the style image as it is."""
        return image

    def finish(self, pastiche: Tensor, content: Tensor | None) -> Tensor:
        """Return the picture with the photograph's chroma."""
        if content is None:
            raise JobError("there is no content image whose chroma the picture could get")
        return with_chroma_of(pastiche, content)
