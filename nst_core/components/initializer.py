"""Initializers: the image that the optimisation starts from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from nst_core.job.schema import ParamValue

__all__ = ["Initializer"]


class Initializer(ABC):
    """Makes the image the optimisation starts from."""

    @abstractmethod
    def initial(
        self,
        size: tuple[int, int],
        *,
        content: Tensor | None,
        style: Tensor | None,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the first image.

        Args:
            size: height and width of the pastiche.
            content: content image ``(1, 3, H, W)`` of that size, or ``None``.
            style: style image ``(1, 3, H', W')``, or ``None``.
            generator: on the CPU, seeded by the job; use no other source of randomness.

        Returns:
            ``(1, 3, H, W)`` on the CPU, float32, in [0, 1].
        """

    def pinned(self) -> Mapping[str, ParamValue]:
        """Return parameters that pin down what :meth:`initial` really used, such as the hash of a file."""
        return {}
