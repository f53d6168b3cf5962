"""Laws of a :class:`nst_core.FeatureLoss`."""

from __future__ import annotations

import torch

from nst_core.components import FeatureLoss
from nst_core.testing.check import NotApplicable, require
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
    start = {"shallow": shallow.detach(), "deep": deep.detach()}
    value = loss.forward({"shallow": shallow, "deep": deep}, loss.level_targets(targets, start, None))
    require(value.dim() == 0, f"two layers give a tensor of shape {tuple(value.shape)}")
    for name, gradient in zip(("shallow", "deep"), torch.autograd.grad(value, (shallow, deep)), strict=True):
        require(torch.isfinite(gradient).all(), f"the gradient of the {name} layer is not finite")
        require(gradient.abs().max() > 0, f"the {name} of two layers has no influence")


def has_level_targets_of_their_maps(loss: FeatureLoss) -> None:
    """Its targets of a level are tensors, the same for the same maps, which stay as they are, with and without content.

    A run that is continued from a checkpoint makes them again.
    """
    if not loss.has_level_targets:
        raise NotApplicable("its targets do not depend on where a level starts")
    start, content = feature_map(8, 6, 0), feature_map(8, 6, 1)
    target = feature_map(8, 6, 2) if loss.role == ON_POSITIONS else feature_map(5, 9, 2)
    given = target, start, content
    copies = [one.clone() for one in given]
    for photo in ({"layer": content}, None):
        found, again = (loss.level_targets({"layer": target}, {"layer": start}, photo) for _ in range(2))
        tensors = all(isinstance(one, torch.Tensor) for one in found.values())
        require(tensors, "its targets of a level must be tensors by name")
        same = found.keys() == again.keys() and all(torch.equal(found[name], again[name]) for name in found)
        require(same, "the same maps give other targets the second time")
        require(torch.isfinite(loss.forward({"layer": start}, found)), "it is not finite where the level starts")
    unchanged = all(torch.equal(one, copy) for one, copy in zip(given, copies, strict=True))
    require(unchanged, "the targets of a level change a map that they are made from")


LAWS = (*COMMON, takes_several_layers, has_level_targets_of_their_maps)
"""All that is demanded of a loss on whole maps. It makes no promise about tiles."""
