"""Adam, Kingma and Ba, arXiv:1412.6980, as torch implements it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nst_core import Optimizer

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam on the pixels: slower than L-BFGS, but steady and with little memory.

    ``learning_rate`` is in units of the pixel range.
    """

    def __init__(self, learning_rate: float = 0.02, beta1: float = 0.9, beta2: float = 0.999) -> None:
        if not learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {learning_rate}")
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {beta}")
        self.learning_rate = learning_rate
        self.betas = (beta1, beta2)

    def start(self, variable: Tensor, damping: float = 1.0) -> None:
        """Begin at ``variable`` with empty moments."""
        self._variable = variable.detach().clone()
        self._adam = torch.optim.Adam([self._variable], lr=self.learning_rate * damping, betas=self.betas)

    def step(self, loss: float, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """One step of Adam."""
        self._variable.grad = gradient
        self._adam.step()
        return self._variable.clone()

    def state_dict(self) -> dict[str, Any]:
        """Return the point, the moments and their count."""
        return {"variable": self._variable.clone(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.start(state["variable"])
        self._adam.load_state_dict(state["adam"])
