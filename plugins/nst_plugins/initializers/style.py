"""Starting from the style image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core import Initializer, InitialSources, JobError

__all__ = ["StyleStart", "fitted"]


def fitted(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut an image to the proportions of ``size``, in its middle, and resize it: ``(1, 3, *size)`` in [0, 1]."""
    height, width = image.shape[-2:]
    scale = min(height / size[0], width / size[1])
    rows, columns = (max(1, round(scale * side)) for side in size)
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = image[..., top : top + rows, left : left + columns]
    if (rows, columns) == size:
        return middle.clone()
    return F.interpolate(middle, size=size, mode="bicubic", antialias=True).clamp(0.0, 1.0)


class StyleStart(Initializer):
    """The style image, cut and resized to the size of the pastiche: its marks stay where the content allows.

    Of several style images it is the first one.
    """

    needs = ("style",)

    def initial(self, size: tuple[int, int], sources: InitialSources, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the first style image, fitted."""
        if not sources.styles:
            raise JobError("there is no style image to start from; use --init noise")
        return fitted(sources.styles[0], size)
