"""Weights and initial images that were tuned together (source: the project's brief)."""

from __future__ import annotations

from nst_core import Preset

__all__ = ["ContentPreset", "NoisePreset"]


class _Classic(Preset):
    """The algorithm of Gatys et al., with an L-BFGS on the pixels."""

    optimizer = "lbfgs"
    extractor = "auto"
    parametrization = "pixels"
    studied = True


class ContentPreset(_Classic):
    """Start from the content image: its details stay, and the style settles into them."""

    initializer = "content"
    losses = {"mse-content": 10.0, "gram-style": 1e7}  # noqa: RUF012 - a ClassVar of the base
    default = True


class NoisePreset(_Classic):
    """Start from noise: freer forms, content less exact."""

    initializer = "noise"
    losses = {"mse-content": 100.0, "gram-style": 1e6}  # noqa: RUF012
