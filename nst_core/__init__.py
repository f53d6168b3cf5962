"""The framework for neural style transfer: the public API and nothing else.

Names are imported when they are first used, so that ``import nst_core`` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_core.api import Options, make_job, preview, reconstruct, stylize, synthesize
    from nst_core.calibration import dead_leaves, tap_rms
    from nst_core.checkpoint import Checkpoint
    from nst_core.destination import Destination
    from nst_core.engine import Observer, plan, run
    from nst_core.errors import (
        BrokenContractError,
        CheckpointError,
        DeviceError,
        ExportError,
        ImageError,
        JobError,
        NonFiniteError,
        NstError,
        PluginError,
        UnknownNameError,
        WeightsError,
        unknown_name,
    )
    from nst_core.export import Exported, export_extractor
    from nst_core.fitting import Plan
    from nst_core.hookspecs import Register, hookimpl
    from nst_core.image import ImageInput, Picture, read_recipe
    from nst_core.image import load as load_image
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
    from nst_core.result import Result, Stage, Step

__all__ = [
    "BrokenContractError",
    "Checkpoint",
    "CheckpointError",
    "Component",
    "Destination",
    "DeviceError",
    "Evaluation",
    "ExportError",
    "Exported",
    "Extractor",
    "FeatureLoss",
    "ImageError",
    "ImageInput",
    "ImageLoss",
    "ImageRef",
    "Initializer",
    "Job",
    "JobError",
    "NonFiniteError",
    "NstError",
    "Objective",
    "Observer",
    "Optimizer",
    "Options",
    "ParamValue",
    "Picture",
    "Plan",
    "PluginError",
    "PointwiseLoss",
    "Register",
    "Registry",
    "Result",
    "Stage",
    "Statistic",
    "StatisticLoss",
    "Step",
    "Tap",
    "Term",
    "UnknownNameError",
    "WeightsError",
    "dead_leaves",
    "default_registry",
    "export_extractor",
    "hookimpl",
    "load_image",
    "load_registry",
    "make_job",
    "plan",
    "preview",
    "read_recipe",
    "reconstruct",
    "run",
    "save_image",
    "stylize",
    "synthesize",
    "tap_rms",
    "unknown_name",
]

_MODULES = {
    "api": (
        "Options",
        "make_job",
        "preview",
        "reconstruct",
        "stylize",
        "synthesize",
    ),
    "calibration": (
        "dead_leaves",
        "tap_rms",
    ),
    "checkpoint": ("Checkpoint",),
    "destination": ("Destination",),
    "engine": (
        "Observer",
        "plan",
        "run",
    ),
    "errors": (
        "BrokenContractError",
        "CheckpointError",
        "DeviceError",
        "ExportError",
        "ImageError",
        "JobError",
        "NonFiniteError",
        "NstError",
        "PluginError",
        "UnknownNameError",
        "WeightsError",
        "unknown_name",
    ),
    "fitting": ("Plan",),
    "export": (
        "Exported",
        "export_extractor",
    ),
    "hookspecs": (
        "Register",
        "hookimpl",
    ),
    "image": (
        "ImageInput",
        "Picture",
        "load_image",
        "read_recipe",
        "save_image",
    ),
    "interfaces": (
        "Extractor",
        "FeatureLoss",
        "ImageLoss",
        "Initializer",
        "Optimizer",
        "PointwiseLoss",
        "Statistic",
        "StatisticLoss",
        "Tap",
    ),
    "job": (
        "Component",
        "ImageRef",
        "Job",
        "ParamValue",
        "Term",
    ),
    "objective": (
        "Evaluation",
        "Objective",
    ),
    "plugins": (
        "default_registry",
        "load_registry",
    ),
    "registry": ("Registry",),
    "result": (
        "Result",
        "Stage",
        "Step",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
_RENAMED = {"load_image": "load", "save_image": "save"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nst_core' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"nst_core.{_HOME[name]}"), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
