"""Weights and initial images that were tuned together (source: the project's brief)."""

from __future__ import annotations

from dataclasses import dataclass

from nst_core.errors import unknown_name

__all__ = ["CONTENT_LOSS", "NORMALIZED", "PRESETS", "STYLE_LOSS", "Preset", "preset_named"]

CONTENT_LOSS = "mse-content"
STYLE_LOSS = "gram-style"


@dataclass(frozen=True)
class Preset:
    """An initial image with the α and β that suit it, for taps of unit RMS and the default normalisations.

    Attributes:
        initializer: registered name.
        content_weight: α.
        style_weight: β.
    """

    initializer: str
    content_weight: float
    style_weight: float


PRESETS = {
    "content": Preset("content", content_weight=10.0, style_weight=1e7),
    "noise": Preset("noise", content_weight=100.0, style_weight=1e6),
}


NORMALIZED = {"content": 1.0, "style": 10.0, "regularizer": 1.0}
"""Weights by role that suit the preset `content` where gradients are normalised."""


def preset_named(name: str) -> Preset:
    """Look a preset up; an unknown name is an error that lists them."""
    try:
        return PRESETS[name]
    except KeyError:
        raise unknown_name("preset", name, PRESETS) from None
