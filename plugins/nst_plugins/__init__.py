"""The built-in plugin. It uses only what any third party can use."""

from __future__ import annotations

from nst_core import Register, hookimpl

__all__ = [
    "nst_register_executors",
    "nst_register_extractors",
    "nst_register_initializers",
    "nst_register_losses",
    "nst_register_optimizers",
    "nst_register_parametrizations",
    "nst_register_presets",
    "nst_register_transforms",
]


@hookimpl
def nst_register_extractors(register: Register) -> None:
    """Register the VGG networks, the selection between VGG-19 and its stand-in, and torchvision's networks."""
    from nst_plugins.extractors.auto import Auto
    from nst_plugins.extractors.torchvision import Torchvision
    from nst_plugins.extractors.vgg import Vgg16, Vgg19, Vgg19Lite

    register("auto", Auto)
    register("torchvision", Torchvision)
    register("vgg16", Vgg16)
    register("vgg19", Vgg19)
    register("vgg19-lite", Vgg19Lite)


@hookimpl
def nst_register_losses(register: Register) -> None:
    """Register losses on style and content, and regularizers."""
    from nst_plugins.losses.covariance_style import CovarianceStyle
    from nst_plugins.losses.gram_style import GramStyle
    from nst_plugins.losses.histogram_style import HistogramStyle
    from nst_plugins.losses.laplacian import Laplacian
    from nst_plugins.losses.mean_std_style import MeanStdStyle
    from nst_plugins.losses.mse_content import MseContent
    from nst_plugins.losses.mse_temporal import MseTemporal
    from nst_plugins.losses.nn_style import NnStyle
    from nst_plugins.losses.range_penalty import RangePenalty
    from nst_plugins.losses.self_similarity_content import SelfSimilarityContent
    from nst_plugins.losses.swd_style import SwdStyle
    from nst_plugins.losses.total_variation import TotalVariation
    from nst_plugins.losses.w2_style import W2Style

    register("covariance-style", CovarianceStyle)
    register("gram-style", GramStyle)
    register("histogram-style", HistogramStyle)
    register("laplacian", Laplacian)
    register("mean-std-style", MeanStdStyle)
    register("mse-content", MseContent)
    register("mse-temporal", MseTemporal)
    register("nn-style", NnStyle)
    register("range", RangePenalty)
    register("self-similarity-content", SelfSimilarityContent)
    register("swd-style", SwdStyle)
    register("tv", TotalVariation)
    register("w2-style", W2Style)


@hookimpl
def nst_register_initializers(register: Register) -> None:
    """Register what an optimisation can start from."""
    from nst_plugins.initializers.blend import BlendStart
    from nst_plugins.initializers.content import ContentStart
    from nst_plugins.initializers.image import ImageStart
    from nst_plugins.initializers.noise import NoiseStart
    from nst_plugins.initializers.style import StyleStart

    register("blend", BlendStart)
    register("content", ContentStart)
    register("image", ImageStart)
    register("noise", NoiseStart)
    register("style", StyleStart)


@hookimpl
def nst_register_optimizers(register: Register) -> None:
    """Register L-BFGS and Adam."""
    from nst_plugins.optimizers.adam import Adam
    from nst_plugins.optimizers.lbfgs import Lbfgs

    register("adam", Adam)
    register("lbfgs", Lbfgs)


@hookimpl
def nst_register_parametrizations(register: Register) -> None:
    """Register what an optimizer can change."""
    from nst_plugins.parametrizations.luminance import Luminance
    from nst_plugins.parametrizations.pixels import Pixels

    register("luminance", Luminance)
    register("pixels", Pixels)


@hookimpl
def nst_register_transforms(register: Register) -> None:
    """Register where the colours of a picture can come from."""
    from nst_plugins.transforms.content import ContentColors
    from nst_plugins.transforms.luminance import LuminanceOnly
    from nst_plugins.transforms.match import Match

    register("content", ContentColors)
    register("luminance", LuminanceOnly)
    register("match", Match)


@hookimpl
def nst_register_executors(register: Register) -> None:
    """Register executors: this process, processes of this machine, and the machines of a Ray cluster."""
    from nst_plugins.executors.local import Local
    from nst_plugins.executors.processes import Processes
    from nst_plugins.executors.ray import RayCluster

    register("local", Local)
    register("processes", Processes)
    register("ray", RayCluster)


@hookimpl
def nst_register_presets(register: Register) -> None:
    """Register the weights that were tuned together."""
    from nst_plugins.presets import ContentPreset, NoisePreset, PainterlyPreset, PatchesPreset

    register("painterly", PainterlyPreset)
    register("patches", PatchesPreset)
    register("content", ContentPreset)
    register("noise", NoisePreset)
