"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from nst_core import Optimizer, ParamValue
from nst_core.ops import combine_rows, row_products
from nst_plugins.optimizers.strong_wolfe import Point, StrongWolfe

__all__ = ["Lbfgs"]

# Mean change of a pixel in the first step, which knows nothing of the curvature yet.
FIRST_STEP = 0.01

# A step of fixed length that makes the loss this many times higher is taken back. From the second in a row on, the next
# one is so much shorter.
WILD_RISE = 4.0
SHORTER = 0.1

# With fewer pairs than this L-BFGS is little better than steepest descent.
LEAST_HISTORY = 3


class Lbfgs(Optimizer):
    """L-BFGS with a fixed step length of one, or a strong Wolfe line search.

    Source: Liu and Nocedal, Mathematical Programming 45, 1989. The two-loop recursion runs on inner products
    instead of vectors (Chen, Wang and Zhou, Large-scale L-BFGS using MapReduce, 2014): steps, changes of gradient
    and the gradient are the rows of one matrix, and an iteration costs two passes over it.

    A fixed step may raise the loss a little, and ends lower for it. One that multiplies it (four times or more) comes
    from a memory that does not fit the place. It is taken back, and the curvature that was met on the way is
    remembered, so that the next direction from the same point differs.

    Args:
        history: pairs of step and change of gradient that are remembered, at least 1.
        line_search: ``none`` evaluates once an iteration, ``strong-wolfe`` as often as it takes.
        learning_rate: factor on the step length, or on its first trial.
        tolerance: stop when the mean absolute gradient falls below this share of the first one; 0 never stops.
    """

    def __init__(
        self,
        history: int = 20,
        line_search: Literal["none", "strong-wolfe"] = "none",
        learning_rate: float = 1.0,
        tolerance: float = 0.0,
    ) -> None:
        if history < 1:
            raise ValueError(f"history must be at least 1, not {history}")
        if not learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, not {learning_rate}")
        if not tolerance >= 0:
            raise ValueError(f"tolerance must not be negative, not {tolerance}")
        self.history = history
        self.line_search = line_search
        self.learning_rate = learning_rate
        self.tolerance = tolerance

    def start(self, variable: Tensor, damping: float = 1.0) -> None:
        """Begin at ``variable`` with an empty memory."""
        self._damping = damping
        self._shape = variable.shape
        self._point = variable.detach().flatten()
        # Rows 0 to m-1 are steps, m to 2m-1 changes of gradient, row 2m the gradient.
        self._rows = self._point.new_zeros(2 * self.history + 1, self._point.numel())
        self._products = torch.zeros(len(self._rows), len(self._rows), dtype=torch.float64)
        self._pairs = 0
        self._direction: Tensor | None = None
        self._length = 0.0
        self._search: StrongWolfe | None = None
        self._base = self._point
        self._base_loss = 0.0
        self._first_gradient = 0.0
        self._wild_steps = 0

    def with_less_memory(self) -> Mapping[str, ParamValue] | None:
        """Halve the history, down to three pairs."""
        shorter = self.history // 2
        return {"history": shorter} if shorter >= LEAST_HISTORY else None

    def step(self, loss: float, gradient: Tensor) -> Tensor | None:
        """Take one evaluation and return the next point, or ``None`` below the tolerance."""
        flat = gradient.detach().flatten()
        size = float(torch.linalg.vector_norm(flat, 1)) / flat.numel()
        self._first_gradient = self._first_gradient or size
        if size <= self.tolerance * self._first_gradient:
            return None
        if self._direction is None:
            return self._descend(loss, flat, size)
        if self._search is not None:
            point = Point(self._length, loss, float(flat @ self._direction))
            longer = self._search.next_length(point)
            if longer is not None:
                return self._move(longer)
        elif 0 < WILD_RISE * self._base_loss < loss:
            return self._turn_back(flat)
        self._wild_steps = 0
        changed = self._remember(flat)
        self._rows[-1] = flat
        self._refresh_products([*changed, len(self._rows) - 1])
        return self._continue(loss, flat, size)

    def _turn_back(self, gradient: Tensor) -> Tensor:
        """Go back to where the last step began, with what its end says about the curvature."""
        self._refresh_products(self._remember(gradient))
        self._wild_steps += 1
        self._point = self._base
        before = self._rows[-1].clone()
        return self._continue(self._base_loss, before, float(torch.linalg.vector_norm(before, 1)) / before.numel())

    def _descend(self, loss: float, gradient: Tensor, size: float) -> Tensor:
        """Begin along the gradient, with a short step."""
        self._rows[-1] = gradient
        self._refresh_products([len(self._rows) - 1])
        self._direction = gradient * (-FIRST_STEP / size)
        return self._set_out(loss, gradient)

    def _continue(self, loss: float, gradient: Tensor, size: float) -> Tensor:
        if self._pairs == 0:
            return self._descend(loss, gradient, size)
        self._direction = combine_rows(self._rows, self._coefficients())
        if float(self._direction @ gradient) >= 0:  # the memory misleads: forget it
            self._pairs = 0
            return self._descend(loss, gradient, size)
        return self._set_out(loss, gradient)

    def _set_out(self, loss: float, gradient: Tensor) -> Tensor:
        assert self._direction is not None  # noqa: S101 - for the type checker
        self._base = self._point
        self._base_loss = loss
        if self.line_search == "strong-wolfe":
            self._search = StrongWolfe(loss, float(gradient @ self._direction))
        shorter: float = SHORTER ** max(self._wild_steps - 1, 0)
        return self._move(self._damping * self.learning_rate * shorter)

    def _move(self, length: float) -> Tensor:
        assert self._direction is not None  # noqa: S101
        self._length = length
        self._point = torch.add(self._base, self._direction, alpha=length)
        return self._point.reshape(self._shape)

    def _remember(self, gradient: Tensor) -> list[int]:
        """Store the last step and the change of gradient; return their rows, none if the curvature is not positive."""
        step = self._point - self._base
        change = gradient - self._rows[-1]
        if float(step @ change) <= 1e-8 * float(step.norm() * change.norm()):
            return []
        slot = self._pairs % self.history
        self._rows[slot] = step
        self._rows[self.history + slot] = change
        self._pairs += 1
        return [slot, self.history + slot]

    def _refresh_products(self, changed: list[int]) -> None:
        products = row_products(self._rows, changed)
        self._products[:, changed] = products
        self._products[changed, :] = products.T

    def _coefficients(self) -> Tensor:
        """Run the two-loop recursion on the inner products; return the direction in terms of the rows."""
        kept = min(self._pairs, self.history)
        slots = [(self._pairs - 1 - age) % self.history for age in range(kept)]  # newest first
        products = self._products
        direction = torch.zeros(len(self._rows), dtype=torch.float64)
        direction[-1] = -1.0
        alphas = {}
        for s in slots:
            y = self.history + s
            alphas[s] = products[s] @ direction / products[s, y]
            direction[y] -= alphas[s]
        newest = slots[0], self.history + slots[0]
        direction *= products[newest] / products[newest[1], newest[1]]
        for s in reversed(slots):
            y = self.history + s
            beta = products[y] @ direction / products[s, y]
            direction[s] += alphas[s] - beta
        return direction

    def state_dict(self) -> dict[str, Any]:
        """Return the memory, the point and the state of the line search."""
        names = (
            "point",
            "rows",
            "products",
            "pairs",
            "direction",
            "length",
            "base",
            "base_loss",
            "first_gradient",
            "damping",
            "wild_steps",
        )
        return {name: getattr(self, f"_{name}") for name in names} | {
            "shape": list(self._shape),
            "search": self._search.state_dict() if self._search else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        plain = {k: v for k, v in state.items() if k not in ("products", "shape", "search")}
        place = self._point.device
        for name, value in plain.items():
            setattr(self, f"_{name}", value.to(place, copy=True) if isinstance(value, Tensor) else value)
        self._products = state["products"].cpu().clone()
        self._shape = torch.Size(state["shape"])
        self._search = StrongWolfe.from_state_dict(state["search"]) if state["search"] else None
