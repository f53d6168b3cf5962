"""Starting from noise."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from nst_core import Initializer, InitialSources, JobError

__all__ = ["NoiseStart", "like_colours"]


def like_colours(image: Tensor, noise: Tensor) -> Tensor:
    """Give white noise the mean and covariance of an image's colours.

    Args:
        image: ``(1, 3, H', W')``.
        noise: independent normal numbers ``(1, 3, H, W)``.

    Returns:
        ``(1, 3, H, W)``, not limited to [0, 1].
    """
    colours = image.double().flatten(2)[0]
    mean = colours.mean(dim=1, keepdim=True)
    centred = colours - mean
    values, vectors = torch.linalg.eigh(centred @ centred.T / colours.shape[1])
    root = vectors * values.clamp_min(0).sqrt()
    coloured: Tensor = mean + root @ noise.double().flatten(2)[0]
    return coloured.float().reshape(noise.shape)


class NoiseStart(Initializer):
    """Independent random pixels around mid-grey: 0.5 ± amplitude.

    ``amplitude`` is the standard deviation (``normal``, ``gray``) or half the width (``uniform``); ``gray`` gives the
    three channels one value; ``matched`` draws colours with the mean and covariance of the (first) style image's, and
    takes no amplitude. A small normal amplitude ends at the same loss as a large one and leaves less grain in flat
    regions.
    """

    def __init__(
        self, kind: Literal["normal", "uniform", "gray", "matched"] = "normal", amplitude: float = 0.05
    ) -> None:
        if not 0 <= amplitude <= 0.5:
            raise ValueError(f"amplitude must be from 0 to 0.5, not {amplitude}")
        self.kind = kind
        self.amplitude = amplitude

    def initial(self, size: tuple[int, int], sources: InitialSources, generator: torch.Generator) -> Tensor:
        """Draw the pixels; the same for one seed whatever the device."""
        if self.kind == "uniform":
            noise = torch.rand(1, 3, *size, generator=generator) * 2 - 1
        elif self.kind == "gray":
            noise = torch.randn(1, 1, *size, generator=generator).expand(-1, 3, -1, -1)
        else:
            noise = torch.randn(1, 3, *size, generator=generator)
        if self.kind == "matched":
            if not sources.styles:
                raise JobError("noise in the colours of the style needs a style image; use --init noise")
            return like_colours(sources.styles[0], noise).clamp(0.0, 1.0)
        return (0.5 + self.amplitude * noise).clamp(0.0, 1.0)
