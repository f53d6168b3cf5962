"""Limited-memory BFGS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from nst_core import Optimizer, ParamValue
from nst_core.ops import combine_rows, row_products, to_host, zero_rows
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


@dataclass(frozen=True)
class _Written:
    """A pair that was written into the rows of the oldest one, before anybody knows whether it is any good.

    Attributes:
        rows: numbers of those that were written: step, change of gradient, and the gradient unless it stayed.
        oldest: what was in the first two, ``None`` if nothing.
        products: of all rows with them, on the device.
        gradient: what was in the third.
    """

    rows: list[int]
    oldest: tuple[Tensor, Tensor] | None
    products: Tensor
    gradient: Tensor | None = None


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
        self._rows = zero_rows(2 * self.history + 1, self._point)
        self._products = torch.zeros(len(self._rows), len(self._rows), dtype=torch.float64)
        self._pairs = 0
        self._direction: Tensor | None = None
        self._length = 0.0
        self._search: StrongWolfe | None = None
        self._base = self._point
        self._base_loss = 0.0
        self._first_gradient = 0.0
        self._wild_steps = 0
        self._written: _Written | None = None

    def with_less_memory(self) -> Mapping[str, ParamValue] | None:
        """Halve the history, down to three pairs."""
        shorter = self.history // 2
        return {"history": shorter} if shorter >= LEAST_HISTORY else None

    def step(self, loss: float, gradient: Tensor) -> Tensor | None:
        """Take one evaluation and return the next point, or ``None`` below the tolerance."""
        flat = gradient.detach().flatten()
        if self._direction is None:
            return self._begin(loss, flat)
        if self.tolerance and _mean_absolute(flat) <= self.tolerance * self._first_gradient:
            return None
        if self._search is not None:
            point = Point(self._length, loss, float(flat @ self._direction))
            longer = self._search.next_length(point)
            if longer is not None:
                return self._move(longer)
        elif self._is_wild(loss):
            return self._turn_back(self._write(flat, back=True))
        written = self._write(flat)
        return self._accept(loss, written, *to_host(written.products))

    def look_ahead(self, gradient: Tensor) -> Tensor | None:
        """Write the step and the change of gradient down, and return their inner products."""
        if self._direction is None or self._search is not None or self.tolerance:
            return None
        before = self._rows[-1].clone()
        written = self._write(gradient.detach().flatten())
        self._written = replace(written, gradient=before)
        return written.products

    def step_ahead(self, loss: float, gradient: Tensor, ahead: Tensor) -> Tensor | None:  # noqa: ARG002
        """Decide on what was written down."""
        written, self._written = self._written, None
        assert written is not None and written.gradient is not None  # noqa: S101 - look_ahead was called
        if not self._is_wild(loss):
            return self._accept(loss, written, ahead)
        self._rows[-1] = written.gradient
        pair = written.rows[:2]
        return self._turn_back(_Written(pair, written.oldest, row_products(self._rows, pair)))

    def _begin(self, loss: float, gradient: Tensor) -> Tensor | None:
        """Make the first step of all, unless there is no slope."""
        self._first_gradient = self._first_gradient or _mean_absolute(gradient)
        if self._first_gradient == 0:
            return None
        self._rows[-1] = gradient
        return self._descend(loss)

    def _is_wild(self, loss: float) -> bool:
        return 0 < WILD_RISE * self._base_loss < loss

    def _turn_back(self, written: _Written) -> Tensor:
        """Go back to where the last step began, with what its end says about the curvature."""
        self._remember(written, *to_host(written.products))
        self._wild_steps += 1
        self._point = self._base
        return self._continue(self._base_loss)

    def _accept(self, loss: float, written: _Written, products: Tensor) -> Tensor | None:
        """Go on from the point that the last step led to, or stop where it is flat."""
        self._wild_steps = 0
        self._remember(written, products)
        return None if self._products[-1, -1] == 0 else self._continue(loss)

    def _continue(self, loss: float) -> Tensor:
        """Make the next step from the gradient in the last row."""
        if self._pairs == 0:
            return self._descend(loss)
        coefficients = self._coefficients()
        if float(coefficients @ self._products[-1]) >= 0:  # not downwards: the memory misleads, forget it
            self._pairs = 0
            return self._descend(loss)
        self._direction = combine_rows(self._rows, coefficients)
        return self._set_out(loss)

    def _descend(self, loss: float) -> Tensor:
        """Go along the gradient in the last row, with a short step."""
        gradient = self._rows[-1]
        self._refresh_products([len(self._rows) - 1])
        self._direction = gradient * (-FIRST_STEP / _mean_absolute(gradient))
        return self._set_out(loss)

    def _set_out(self, loss: float) -> Tensor:
        assert self._direction is not None  # noqa: S101 - for the type checker
        self._base = self._point
        self._base_loss = loss
        if self.line_search == "strong-wolfe":
            self._search = StrongWolfe(loss, float(self._rows[-1] @ self._direction))
        shorter: float = SHORTER ** max(self._wild_steps - 1, 0)
        return self._move(self._damping * self.learning_rate * shorter)

    def _move(self, length: float) -> Tensor:
        assert self._direction is not None  # noqa: S101
        self._length = length
        self._point = torch.add(self._base, self._direction, alpha=length)
        return self._point.reshape(self._shape)

    def _write(self, gradient: Tensor, back: bool = False) -> _Written:
        """Write the last step and the change of gradient into the rows of the oldest pair, and take inner products.

        Args:
            gradient: where the last step ended.
            back: whether the last row keeps the gradient from where it began; it becomes this one otherwise.
        """
        slot = self._pairs % self.history
        step, change = self._rows[slot], self._rows[self.history + slot]
        oldest = (step.clone(), change.clone()) if self._pairs >= self.history else None
        torch.sub(self._point, self._base, out=step)
        torch.sub(gradient, self._rows[-1], out=change)
        rows = [slot, self.history + slot]
        if not back:
            self._rows[-1] = gradient
            rows.append(len(self._rows) - 1)
        return _Written(rows, oldest, row_products(self._rows, rows))

    def _remember(self, written: _Written, products: Tensor) -> None:
        """Keep what was written, or go back to the oldest pair if the curvature is not positive."""
        step, change, *others = written.rows
        curvature = float(products[step, 1])
        if curvature > 1e-8 * math.sqrt(float(products[step, 0]) * float(products[change, 1])):
            self._pairs += 1
            self._know_products(written.rows, products)
            return
        for number, row in enumerate((step, change)):
            self._rows[row] = written.oldest[number] if written.oldest else 0.0
        self._refresh_products(others)

    def _refresh_products(self, rows: list[int]) -> None:
        self._know_products(rows, *to_host(row_products(self._rows, rows)))

    def _know_products(self, rows: list[int], products: Tensor) -> None:
        self._products[:, rows] = products.double()
        self._products[rows, :] = products.double().T

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
        rows = plain.pop("rows")
        if self._rows.shape == rows.shape:  # in place: they may be far larger than everything else together
            self._rows.copy_(rows)
        else:
            self._rows = rows.to(place, copy=True)
        for name, value in plain.items():
            setattr(self, f"_{name}", value.to(place, copy=True) if isinstance(value, Tensor) else value)
        self._products = state["products"].cpu().clone()
        self._shape = torch.Size(state["shape"])
        self._search = StrongWolfe.from_state_dict(state["search"]) if state["search"] else None


def _mean_absolute(gradient: Tensor) -> float:
    return float(torch.linalg.vector_norm(gradient, 1)) / gradient.numel()
