"""The default look, and the weights and initial images that were tuned together in the project's brief."""

from __future__ import annotations

from nst_core import Preset

__all__ = ["ContentPreset", "NoisePreset", "PainterlyPreset", "PatchesPreset"]


class _Builtin(Preset):
    """What all of them have in common."""

    optimizer = "lbfgs"
    extractor = "auto"
    quick_extractor = "vgg19-lite"
    parametrization = "pixels"
    temporal = {"mse-temporal": 500.0}  # noqa: RUF012 - a ClassVar of the base


class PainterlyPreset(_Builtin):
    """The photograph as the painter would have painted it: large forms first, from level to level."""

    initializer = "content"
    losses = {"mse-content": 10.0, "w2-style": 30.0}  # noqa: RUF012 - a ClassVar of the base
    steps = 100
    default = True


class PatchesPreset(_Builtin):
    """The photograph put together from the painting's own marks, each where the photograph resembles it most."""

    initializer = "content"
    losses = {"mse-content": 10.0, "nn-style": 100.0, "w2-style": 50.0}  # noqa: RUF012 - a ClassVar of the base
    layers = {"w2-style": ("conv1_2", "conv2_2", "conv3_4")}  # noqa: RUF012 - palette and grain alone
    temporal = {"mse-temporal": 4000.0}  # noqa: RUF012 - the marks are chosen anew for every frame
    steps = 100


class _Classic(_Builtin):
    """The algorithm of Gatys et al. at one size."""

    levels = "off"
    studied = True


class ContentPreset(_Classic):
    """The brief's: start from the content image; its details stay, and the style settles into them."""

    initializer = "content"
    losses = {"mse-content": 10.0, "gram-style": 1e7}  # noqa: RUF012


class NoisePreset(_Classic):
    """The brief's: start from noise; freer forms, content less exact."""

    initializer = "noise"
    losses = {"mse-content": 100.0, "gram-style": 1e6}  # noqa: RUF012
