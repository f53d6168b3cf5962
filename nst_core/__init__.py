"""The framework for neural style transfer: the public API and nothing else.

Names are imported when they are first used, so that ``import nst_core`` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_core.api import Options, make_job, reconstruct, stylize, synthesize
    from nst_core.calibration import dead_leaves, tap_rms
    from nst_core.engine import Observer, run
    from nst_core.errors import (
        DeviceError,
        ImageError,
        JobError,
        NonFiniteError,
        NstError,
        PluginError,
        UnknownNameError,
        WeightsError,
        unknown_name,
    )
    from nst_core.hookspecs import Register, hookimpl
    from nst_core.image import ImageInput, Picture
    from nst_core.image import load as load_image
    from nst_core.image import read_recipe
    from nst_core.image import save as save_image
    from nst_core.interfaces import (
        Extractor,
        FeatureLoss,
        ImageLoss,
        Initializer,
        Optimizer,
        PointwiseLoss,
        Statistic,
        StatisticLoss,
        Tap,
    )
    from nst_core.job import Component, ImageRef, Job, ParamValue, Term
    from nst_core.objective import Evaluation, Objective
    from nst_core.plugins import default_registry, load_registry
    from nst_core.registry import Registry
    from nst_core.result import Result, Step

_HOME = {
    "Component": "job",
    "DeviceError": "errors",
    "Evaluation": "objective",
    "Extractor": "interfaces",
    "FeatureLoss": "interfaces",
    "ImageError": "errors",
    "ImageInput": "image",
    "ImageLoss": "interfaces",
    "ImageRef": "job",
    "Initializer": "interfaces",
    "Job": "job",
    "JobError": "errors",
    "NonFiniteError": "errors",
    "NstError": "errors",
    "Objective": "objective",
    "Observer": "engine",
    "Optimizer": "interfaces",
    "Options": "api",
    "ParamValue": "job",
    "Picture": "image",
    "PluginError": "errors",
    "PointwiseLoss": "interfaces",
    "Register": "hookspecs",
    "Registry": "registry",
    "Result": "result",
    "Statistic": "interfaces",
    "StatisticLoss": "interfaces",
    "Step": "result",
    "Tap": "interfaces",
    "Term": "job",
    "UnknownNameError": "errors",
    "WeightsError": "errors",
    "dead_leaves": "calibration",
    "default_registry": "plugins",
    "hookimpl": "hookspecs",
    "load_image": "image",
    "load_registry": "plugins",
    "make_job": "api",
    "read_recipe": "image",
    "reconstruct": "api",
    "run": "engine",
    "save_image": "image",
    "stylize": "api",
    "synthesize": "api",
    "tap_rms": "calibration",
    "unknown_name": "errors",
}
_RENAMED = {"load_image": "load", "save_image": "save"}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nst_core' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"nst_core.{_HOME[name]}"), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
