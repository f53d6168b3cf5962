"""Noticing that a run no longer makes progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["PATIENCE", "Progress"]

# So many evaluations in a row that do not lower the best total by this share are a stall.
PATIENCE = 25
LEAST_GAIN = 1e-4

# Factors on the step length of the restarts that follow a stall. When the last one stalls too, the run has converged.
RESTARTS = (1.0, 0.3, 0.1)


@dataclass
class Progress:
    """Counts the evaluations since the best total last fell noticeably.

    Attributes:
        mark: the best total when it last fell by a ten-thousandth.
        idle: evaluations since then, or since the last restart.
        restarts: restarts since then.
    """

    mark: float = math.inf
    idle: int = 0
    restarts: int = 0

    def observe(self, best: float) -> None:
        """Take note of the best total after an evaluation."""
        if best < self.mark - LEAST_GAIN * abs(best):
            self.mark, self.idle, self.restarts = best, 0, 0
        else:
            self.idle += 1

    @property
    def stalled(self) -> bool:
        """Whether the run has not got anywhere for long."""
        return self.idle >= PATIENCE

    def restart(self) -> float | None:
        """Return the factor on the steps of a restart, or ``None`` if all restarts were in vain."""
        if self.restarts == len(RESTARTS):
            return None
        self.idle = 0
        self.restarts += 1
        return RESTARTS[self.restarts - 1]

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Progress:
        """Continue from :meth:`state_dict`."""
        return cls(**state)
