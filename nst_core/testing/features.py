"""Laws of a :class:`nst_core.FeatureLoss`."""

from __future__ import annotations

import torch

from nst_core.components import FeatureLoss
from nst_core.testing.check import require
from nst_core.testing.samples import feature_map
from nst_core.testing.values import COMMON, ON_POSITIONS

__all__ = ["LAWS"]


def takes_several_layers(loss: FeatureLoss) -> None:
    """Layers of different sizes and widths together give one scalar, and each has a gradient."""
    shallow = feature_map(12, 16, 0).requires_grad_()
    deep = torch.cat([feature_map(6, 8, 1), feature_map(6, 8, 2)], dim=1).requires_grad_()
    like = loss.role == ON_POSITIONS
    targets = {
        "shallow": feature_map(12, 16, 3) if like else feature_map(10, 8, 3),
        "deep": torch.cat([feature_map(6, 8, s) if like else feature_map(5, 4, s) for s in (4, 5)], dim=1),
    }
    value = loss.forward({"shallow": shallow, "deep": deep}, targets)
    require(value.dim() == 0, f"two layers give a tensor of shape {tuple(value.shape)}")
    for name, gradient in zip(("shallow", "deep"), torch.autograd.grad(value, (shallow, deep)), strict=True):
        require(torch.isfinite(gradient).all(), f"the gradient of the {name} layer is not finite")
        require(gradient.abs().max() > 0, f"the {name} of two layers has no influence")


LAWS = (*COMMON, takes_several_layers)
"""All that is demanded of a loss on whole maps. It makes no promise about tiles."""
