"""The framework for neural style transfer: the public API and nothing else.

Names are imported when they are first used, so that ``import nst_core`` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_core.api import StyleInput, load_job, make_job, plan, preview, reconstruct, run, stylize, synthesize
    from nst_core.components import (
        Executor,
        Extractor,
        FeatureLoss,
        FeatureMaps,
        Finished,
        ImageLoss,
        ImageTransform,
        Initializer,
        InitialSources,
        Optimizer,
        Parametrization,
        PointwiseLoss,
        PretrainedExtractor,
        Progress,
        Statistic,
        StatisticLoss,
        Tap,
        Task,
        WeightedMaps,
        Work,
        unwatched,
    )
    from nst_core.components.preset import Preset
    from nst_core.components.registry import Registry
    from nst_core.engine.checkpoint import Checkpoint
    from nst_core.engine.destination import Destination
    from nst_core.engine.pinning import EarlierFrame
    from nst_core.engine.prepare import PreparedJob
    from nst_core.engine.problem import Problem
    from nst_core.engine.result import LevelResult, Result, Step
    from nst_core.engine.run import Observer, Run
    from nst_core.engine.session import Session
    from nst_core.errors import (
        BrokenContractError,
        CancelledError,
        CheckpointError,
        DeviceError,
        ExecutorError,
        ExportError,
        ImageError,
        JobError,
        NonFiniteError,
        NstError,
        PluginError,
        ScratchError,
        UnknownNameError,
        WeightsError,
        unknown_name,
    )
    from nst_core.export import Exported, export_extractor
    from nst_core.extras import install_command
    from nst_core.images import ImageInput, Picture, load_image, read_recipe, save_image
    from nst_core.job.schema import Component, Job, Params, ParamValue, Region, Source, Term
    from nst_core.mixing import mix_scales
    from nst_core.objective.objective import Evaluation, Objective
    from nst_core.objective.targets import TargetImage, Targets
    from nst_core.planning.memory_plan import MemoryPlan
    from nst_core.planning.resources import Resources
    from nst_core.plugins.discovery import default_registry, load_registry
    from nst_core.plugins.hookspecs import Register, hookimpl
    from nst_core.runtime.memory import parse_memory
    from nst_core.weights.calibration import dead_leaves, tap_rms

__all__ = [
    "BrokenContractError",
    "CancelledError",
    "Checkpoint",
    "CheckpointError",
    "Component",
    "Destination",
    "DeviceError",
    "EarlierFrame",
    "Evaluation",
    "Executor",
    "ExecutorError",
    "ExportError",
    "Exported",
    "Extractor",
    "FeatureLoss",
    "FeatureMaps",
    "Finished",
    "ImageError",
    "ImageInput",
    "ImageLoss",
    "ImageTransform",
    "InitialSources",
    "Initializer",
    "Job",
    "JobError",
    "LevelResult",
    "MemoryPlan",
    "NonFiniteError",
    "NstError",
    "Objective",
    "Observer",
    "Optimizer",
    "ParamValue",
    "Parametrization",
    "Params",
    "Picture",
    "PluginError",
    "PointwiseLoss",
    "PreparedJob",
    "Preset",
    "PretrainedExtractor",
    "Problem",
    "Progress",
    "Region",
    "Register",
    "Registry",
    "Resources",
    "Result",
    "Run",
    "ScratchError",
    "Session",
    "Source",
    "Statistic",
    "StatisticLoss",
    "Step",
    "StyleInput",
    "Tap",
    "TargetImage",
    "Targets",
    "Task",
    "Term",
    "UnknownNameError",
    "WeightedMaps",
    "WeightsError",
    "Work",
    "dead_leaves",
    "default_registry",
    "export_extractor",
    "hookimpl",
    "install_command",
    "load_image",
    "load_job",
    "load_registry",
    "make_job",
    "mix_scales",
    "parse_memory",
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
    "unwatched",
]

_MODULES = {
    "api": (
        "load_job",
        "make_job",
        "plan",
        "preview",
        "reconstruct",
        "run",
        "stylize",
        "synthesize",
        "StyleInput",
    ),
    "components": (
        "Executor",
        "Extractor",
        "FeatureLoss",
        "FeatureMaps",
        "Finished",
        "ImageLoss",
        "ImageTransform",
        "InitialSources",
        "Initializer",
        "Optimizer",
        "Parametrization",
        "PointwiseLoss",
        "PretrainedExtractor",
        "Progress",
        "Statistic",
        "StatisticLoss",
        "Tap",
        "Task",
        "WeightedMaps",
        "Work",
        "unwatched",
    ),
    "components.preset": ("Preset",),
    "components.registry": ("Registry",),
    "engine.checkpoint": ("Checkpoint",),
    "engine.destination": ("Destination",),
    "engine.pinning": ("EarlierFrame",),
    "engine.prepare": ("PreparedJob",),
    "engine.problem": ("Problem",),
    "engine.result": (
        "LevelResult",
        "Result",
        "Step",
    ),
    "engine.run": (
        "Observer",
        "Run",
    ),
    "engine.session": ("Session",),
    "errors": (
        "BrokenContractError",
        "CancelledError",
        "CheckpointError",
        "DeviceError",
        "ExecutorError",
        "ExportError",
        "ImageError",
        "JobError",
        "NonFiniteError",
        "NstError",
        "PluginError",
        "ScratchError",
        "UnknownNameError",
        "WeightsError",
        "unknown_name",
    ),
    "extras": ("install_command",),
    "export": (
        "Exported",
        "export_extractor",
    ),
    "images": (
        "ImageInput",
        "Picture",
        "load_image",
        "read_recipe",
        "save_image",
    ),
    "job.schema": (
        "Component",
        "Job",
        "Params",
        "ParamValue",
        "Region",
        "Source",
        "Term",
    ),
    "mixing": ("mix_scales",),
    "objective.objective": (
        "Evaluation",
        "Objective",
    ),
    "objective.targets": (
        "TargetImage",
        "Targets",
    ),
    "planning.memory_plan": ("MemoryPlan",),
    "planning.resources": ("Resources",),
    "plugins.discovery": (
        "default_registry",
        "load_registry",
    ),
    "plugins.hookspecs": (
        "Register",
        "hookimpl",
    ),
    "runtime.memory": ("parse_memory",),
    "weights.calibration": (
        "dead_leaves",
        "tap_rms",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("nst_core.version").version()
    if name not in _HOME:
        raise AttributeError(f"module 'nst_core' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"nst_core.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
