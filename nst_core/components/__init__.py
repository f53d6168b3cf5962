"""The extension points: what a component is, its parameters, and the registry of all of them.

A component is a class. The typed arguments of its constructor are its parameters; every one has a default, and
constructing a component is cheap (it loads and computes nothing).

Unless said otherwise, an image is a float32 tensor ``(B, 3, H, W)``, RGB, sRGB-encoded, in [0, 1]; a feature map
is ``(B, N, H', W')`` in float32 or bfloat16; the weight of positions is float32 ``(B, 1, H', W')``, not
negative, and ``None`` means one everywhere.
"""

from __future__ import annotations

from nst_core.components.executor import Executor, Finished, Progress, Read, Task, Watch, Work, unwatched
from nst_core.components.extractor import PIXEL_TAP, PIXELS, Extractor, Tap, check_layers
from nst_core.components.initializer import Initializer, InitialSources
from nst_core.components.kinds import KINDS, LOSS_KINDS, Kind
from nst_core.components.loss import (
    FeatureLoss,
    FeatureMaps,
    ImageLoss,
    Loss,
    PointwiseLoss,
    Statistic,
    StatisticLoss,
    WeightedMaps,
)
from nst_core.components.optimizer import Optimizer
from nst_core.components.parametrization import Parametrization
from nst_core.components.preset import Preset
from nst_core.components.pretrained import PretrainedExtractor
from nst_core.components.roles import ROLES, Role
from nst_core.components.transform import ImageTransform

__all__ = [
    "KINDS",
    "LOSS_KINDS",
    "PIXELS",
    "PIXEL_TAP",
    "ROLES",
    "Executor",
    "Extractor",
    "FeatureLoss",
    "FeatureMaps",
    "Finished",
    "ImageLoss",
    "ImageTransform",
    "InitialSources",
    "Initializer",
    "Kind",
    "Loss",
    "Optimizer",
    "Parametrization",
    "PointwiseLoss",
    "Preset",
    "PretrainedExtractor",
    "Progress",
    "Read",
    "Role",
    "Statistic",
    "StatisticLoss",
    "Tap",
    "Task",
    "Watch",
    "WeightedMaps",
    "Work",
    "check_layers",
    "unwatched",
]
