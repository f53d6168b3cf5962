"""Starting from noise."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from nst_core import Initializer

__all__ = ["NoiseStart"]


class NoiseStart(Initializer):
    """Independent random pixels around mid-grey: 0.5 ± amplitude.

    ``amplitude`` is the standard deviation (``normal``) or half the width (``uniform``). A small normal
    amplitude ends at the same loss as a large one and leaves less grain in flat regions.
    """

    def __init__(self, kind: Literal["normal", "uniform"] = "normal", amplitude: float = 0.05) -> None:
        if not 0 <= amplitude <= 0.5:
            raise ValueError(f"amplitude must be from 0 to 0.5, not {amplitude}")
        self.kind = kind
        self.amplitude = amplitude

    def initial(
        self,
        size: tuple[int, int],
        *,
        content: Tensor | None,  # noqa: ARG002
        style: Tensor | None,  # noqa: ARG002
        generator: torch.Generator,
    ) -> Tensor:
        """Draw the pixels; the same for one seed whatever the device."""
        if self.kind == "normal":
            noise = torch.randn(1, 3, *size, generator=generator)
        else:
            noise = torch.rand(1, 3, *size, generator=generator) * 2 - 1
        return (0.5 + self.amplitude * noise).clamp(0.0, 1.0)
