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
    for name, weight in (*preset.losses.items(), *preset.normalized.items()):
        require(math.isfinite(weight) and weight > 0, f"the weight of '{name}' is {weight}")
    missing = ROLES.keys() - preset.normalized.keys()
    require(not missing, f"'normalized' has no weight for {' and '.join(missing)}")


LAWS = (has_weights_that_make_sense,)
"""All that is demanded of a preset."""
