"""The framework for neural style transfer: the public API and nothing else.

Names are imported when they are first used, so that ``import nst_core`` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_core.api import Options, make_job, preview, reconstruct, stylize, synthesize
    from nst_core.components import (
        Extractor,
        FeatureLoss,
        ImageLoss,
        Initializer,
        Optimizer,
        PointwiseLoss,
        PretrainedExtractor,
        Statistic,
        StatisticLoss,
        Tap,
    )
    from nst_core.components.registry import Registry
    from nst_core.engine.checkpoint import Checkpoint
    from nst_core.engine.destination import Destination
    from nst_core.engine.result import Result, Stage, Step
    from nst_core.engine.run import Observer, plan, run
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
    from nst_core.images import ImageInput, Picture, read_recipe
    from nst_core.images import load as load_image
    from nst_core.images import save as save_image
    from nst_core.job.schema import Component, ImageRef, Job, ParamValue, Term
    from nst_core.objective.objective import Evaluation, Objective
    from nst_core.planning.memory_plan import Plan
    from nst_core.plugins.discovery import default_registry, load_registry
    from nst_core.plugins.hookspecs import Register, hookimpl
    from nst_core.weights.calibration import dead_leaves, tap_rms

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
    "PretrainedExtractor",
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
    "weights.calibration": (
        "dead_leaves",
        "tap_rms",
    ),
    "engine.checkpoint": ("Checkpoint",),
    "engine.destination": ("Destination",),
    "engine.run": (
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
    "planning.memory_plan": ("Plan",),
    "export": (
        "Exported",
        "export_extractor",
    ),
    "plugins.hookspecs": (
        "Register",
        "hookimpl",
    ),
    "images": (
        "ImageInput",
        "Picture",
        "load_image",
        "read_recipe",
        "save_image",
    ),
    "components": (
        "Extractor",
        "FeatureLoss",
        "ImageLoss",
        "Initializer",
        "Optimizer",
        "PointwiseLoss",
        "PretrainedExtractor",
        "Statistic",
        "StatisticLoss",
        "Tap",
    ),
    "job.schema": (
        "Component",
        "ImageRef",
        "Job",
        "ParamValue",
        "Term",
    ),
    "objective.objective": (
        "Evaluation",
        "Objective",
    ),
    "plugins.discovery": (
        "default_registry",
        "load_registry",
    ),
    "components.registry": ("Registry",),
    "engine.result": (
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
