"""Starting between the content image and something else."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from nst_core import Initializer, InitialSources, JobError
from nst_plugins.initializers.noise import NoiseStart
from nst_plugins.initializers.style import StyleStart

__all__ = ["BlendStart"]


class BlendStart(Initializer):
    """The content image mixed with noise or with the style image: (1 - amount) · content + amount · other.

    ``other`` is ``noise`` (normal, standard deviation 0.25 around mid-grey) or ``style``. With noise, ``amount`` is
    what other systems call the noise ratio.
    """

    needs = ("content",)

    def __init__(self, other: Literal["noise", "style"] = "noise", amount: float = 0.5) -> None:
        if not 0 <= amount <= 1:
            raise ValueError(f"amount must be from 0 to 1, not {amount}")
        self.amount = amount
        self._other: Initializer = NoiseStart(amplitude=0.25) if other == "noise" else StyleStart()

    def initial(self, size: tuple[int, int], sources: InitialSources, generator: torch.Generator) -> Tensor:
        """Return the mixture."""
        if sources.content is None:
            raise JobError("there is no content image to blend; use --init noise or --init style")
        other = self._other.initial(size, sources, generator)
        return torch.lerp(sources.content, other, self.amount)
