"""Laws of a :class:`nst_core.Preset`."""

from __future__ import annotations

import math

from nst_core.components.preset import Preset
from nst_core.components.roles import ROLES
from nst_core.testing.check import require

__all__ = ["LAWS"]


def has_weights_that_make_sense(preset: Preset) -> None:
    """Every loss has a positive, finite weight, and every role one where gradients are normalised."""
    require(preset.losses, "it has no losses")
    for name, weight in (*preset.losses.items(), *preset.temporal.items(), *preset.normalized.items()):
        require(math.isfinite(weight) and weight > 0, f"the weight of '{name}' is {weight}")
    missing = ROLES.keys() - preset.normalized.keys()
    require(not missing, f"'normalized' has no weight for {' and '.join(missing)}")


def has_a_schedule_and_layers_that_make_sense(preset: Preset) -> None:
    """Its levels are "auto" or "off", there is a step, and what it says of losses it says of its own."""
    require(preset.levels in ("auto", "off"), f"levels must be 'auto' or 'off', not {preset.levels!r}")
    require(preset.steps >= 1, f"steps must be at least 1, not {preset.steps}")
    for what in ("layers", "params"):
        others = sorted(getattr(preset, what).keys() - preset.losses.keys())
        require(not others, f"'{what}' names {', '.join(others)}, which is none of its losses")


LAWS = (has_weights_that_make_sense, has_a_schedule_and_layers_that_make_sense)
"""All that is demanded of a preset."""
