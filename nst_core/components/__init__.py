"""The extension points: what a component is, its parameters, and the registry of all of them.

A component is a class. The typed arguments of its constructor are its parameters; every one has a default, and
constructing a component is cheap (it loads and computes nothing).

Unless said otherwise, an image is a float32 tensor ``(B, 3, H, W)``, RGB, sRGB-encoded, in [0, 1]; a feature map
is ``(B, N, H', W')`` in float32 or bfloat16; the weight of positions is float32 ``(B, 1, H', W')``, not
negative, and ``None`` means one everywhere.
"""

from __future__ import annotations

from nst_core.components.extractor import PIXEL_TAP, PIXELS, Extractor, Tap, check_layers
from nst_core.components.initializer import Initializer
from nst_core.components.loss import FeatureLoss, ImageLoss, Loss, PointwiseLoss, Role, Statistic, StatisticLoss
from nst_core.components.optimizer import Optimizer
from nst_core.components.pretrained import PretrainedExtractor

__all__ = [
    "PIXELS",
    "PIXEL_TAP",
    "Extractor",
    "FeatureLoss",
    "ImageLoss",
    "Initializer",
    "Loss",
    "Optimizer",
    "PointwiseLoss",
    "PretrainedExtractor",
    "Role",
    "Statistic",
    "StatisticLoss",
    "Tap",
    "check_layers",
]
