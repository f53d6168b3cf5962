"""A line search for the strong Wolfe conditions that asks for one value at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Point", "StrongWolfe"]

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
MOST_EVALUATIONS = 20


@dataclass(frozen=True)
class Point:
    """The objective along the search direction: step length, value, slope."""

    length: float
    value: float
    slope: float


class StrongWolfe:
    """Bracketing and zoom with cubic interpolation.

    Source: Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms 3.5 and 3.6, equation 3.59.

    Args:
        value: objective at length zero.
        slope: its slope there, negative.
    """

    def __init__(self, value: float, slope: float) -> None:
        self.origin = Point(0.0, value, slope)
        self.low = self.origin
        self.high: Point | None = None
        self.evaluations = 0

    def next_length(self, point: Point) -> float | None:
        """Take the value at a length; return the next length to try, or ``None`` to accept this one."""
        self.evaluations += 1
        if self._accepts(point) or self.evaluations >= MOST_EVALUATIONS:
            return None
        if self.high is None:
            return self._bracket(point)
        self._shrink(point)
        return self._interpolated()

    def _accepts(self, point: Point) -> bool:
        return self._decreases(point) and abs(point.slope) <= CURVATURE * abs(self.origin.slope)

    def _decreases(self, point: Point) -> bool:
        line = self.origin.value + SUFFICIENT_DECREASE * point.length * self.origin.slope
        return point.value <= line

    def _bracket(self, point: Point) -> float:
        if not self._decreases(point) or point.value >= self.low.value:
            self.high = point
        elif point.slope >= 0:
            self.low, self.high = point, self.low
        else:
            self.low = point
            return 2.0 * point.length
        return self._interpolated()

    def _shrink(self, point: Point) -> None:
        assert self.high is not None  # noqa: S101 - for the type checker; only called with a bracket
        if not self._decreases(point) or point.value >= self.low.value:
            self.high = point
            return
        if point.slope * (self.high.length - self.low.length) >= 0:
            self.high = self.low
        self.low = point

    def _interpolated(self) -> float:
        """Minimise the cubic through both ends, but keep a tenth of the bracket away from them."""
        a, b = self.low, self.high
        assert b is not None  # noqa: S101
        width = b.length - a.length
        middle = a.length + 0.5 * width
        d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.length - b.length)
        square = d1 * d1 - a.slope * b.slope
        if not (math.isfinite(square) and square >= 0):
            return middle
        d2 = math.copysign(math.sqrt(square), width)
        bottom = b.slope - a.slope + 2 * d2
        if bottom == 0:
            return middle
        length = b.length - width * (b.slope + d2 - d1) / bottom
        least, most = sorted((a.length + 0.1 * width, b.length - 0.1 * width))
        return min(max(length, least), most)

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {
            "origin": asdict(self.origin),
            "low": asdict(self.low),
            "high": asdict(self.high) if self.high else None,
            "evaluations": self.evaluations,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> StrongWolfe:
        """Continue from :meth:`state_dict`."""
        search = cls(state["origin"]["value"], state["origin"]["slope"])
        search.low = Point(**state["low"])
        search.high = Point(**state["high"]) if state["high"] else None
        search.evaluations = state["evaluations"]
        return search
