"""Adam, Kingma and Ba, arXiv:1412.6980, as torch implements it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core import Optimizer

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam on the pixels: slower than L-BFGS, but steady and with little memory.

    ``learning_rate`` is in units of the pixel range. ``averaging`` is the share that the running average of the
    iterates keeps at every step, 0 for none; the average is evaluated last, and is the result if it is the best: with
    a high learning rate it is free of the grain that the last steps leave (Polyak and Juditsky, SIAM Journal on Control
    and Optimization 30, 1992, with forgetting).
    """

    def __init__(
        self,
        learning_rate: float = 0.02,
        beta1: float = 0.9,
        beta2: float = 0.999,
        averaging: float = 0.0,
    ) -> None:
        if not learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {learning_rate}")
        for name, share in (("beta1", beta1), ("beta2", beta2), ("averaging", averaging)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {share}")
        self.learning_rate = learning_rate
        self.betas = (beta1, beta2)
        self.averaging = averaging

    def start(self, variable: Tensor, damping: float = 1.0) -> None:
        """Begin at ``variable`` with empty moments."""
        self._variable = variable.detach().clone()
        self._adam = torch.optim.Adam([self._variable], lr=self.learning_rate * damping, betas=self.betas)
        self._sum = torch.zeros_like(self._variable)
        self._steps = 0

    def continue_at(self, variable: Tensor, before: Optimizer) -> None:
        """Begin with the moments of the smaller image, enlarged, if the variable is one."""
        self.start(variable)
        if not isinstance(before, Adam) or not before._adam.state:
            return
        if variable.dim() != 4 or variable.shape[:2] != before._variable.shape[:2]:
            return
        learned = copy.deepcopy(before._adam.state_dict())
        for moments in learned["state"].values():
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = F.interpolate(moments[name], size=variable.shape[-2:], mode="bilinear")
        self._adam.load_state_dict(learned)

    def step(self, loss: float, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """One step of Adam."""
        self._variable.grad = gradient
        self._adam.step()
        if self.averaging:
            self._sum.lerp_(self._variable, 1 - self.averaging)
            self._steps += 1
        return self._variable.clone()

    def solution(self) -> Tensor | None:
        """Return the average of the iterates, weighted by powers of ``averaging``."""
        if not self._steps:
            return None
        average: Tensor = self._sum / (1 - self.averaging**self._steps)
        return average

    def state_dict(self) -> dict[str, Any]:
        """Return the point, the moments, their count, and the average."""
        return {
            "variable": self._variable,
            "adam": self._adam.state_dict(),
            "sum": self._sum,
            "steps": self._steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        place = self._variable.device
        self.start(state["variable"].to(place))
        self._adam.load_state_dict(copy.deepcopy(state["adam"]))
        self._sum, self._steps = state["sum"].to(place, copy=True), state["steps"]
