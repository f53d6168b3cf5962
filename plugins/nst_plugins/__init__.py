"""The built-in plugin. It uses only what any third party can use."""

from __future__ import annotations

from nst_core import Register, hookimpl

__all__ = [
    "nst_register_extractors",
    "nst_register_initializers",
    "nst_register_losses",
    "nst_register_optimizers",
]


@hookimpl
def nst_register_extractors(register: Register) -> None:
    """Register VGG-19."""
    from nst_plugins.extractors.vgg19 import Vgg19

    register("vgg19", Vgg19)


@hookimpl
def nst_register_losses(register: Register) -> None:
    """Register the content loss, the style loss and the regularizer."""
    from nst_plugins.losses.gram_style import GramStyle
    from nst_plugins.losses.mse_content import MseContent
    from nst_plugins.losses.total_variation import TotalVariation

    register("gram-style", GramStyle)
    register("mse-content", MseContent)
    register("tv", TotalVariation)


@hookimpl
def nst_register_initializers(register: Register) -> None:
    """Register what an optimisation can start from."""
    from nst_plugins.initializers.content import ContentStart
    from nst_plugins.initializers.image import ImageStart
    from nst_plugins.initializers.noise import NoiseStart

    register("content", ContentStart)
    register("image", ImageStart)
    register("noise", NoiseStart)


@hookimpl
def nst_register_optimizers(register: Register) -> None:
    """Register L-BFGS and Adam."""
    from nst_plugins.optimizers.adam import Adam
    from nst_plugins.optimizers.lbfgs import Lbfgs

    register("adam", Adam)
    register("lbfgs", Lbfgs)
