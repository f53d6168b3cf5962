"""Laws of a :class:`nst_core.FeatureLoss`."""

from __future__ import annotations

import torch

from nst_core.components import FeatureLoss, FeatureMaps
from nst_core.testing.check import NotApplicable, close, require
from nst_core.testing.samples import feature_map
from nst_core.testing.values import COMMON, ON_POSITIONS

__all__ = ["LAWS"]


def takes_several_layers(loss: FeatureLoss) -> None:
    """Layers of different sizes and widths together give one scalar, and each has a gradient."""
    shallow = feature_map(12, 16, 0).requires_grad_()
    deep = torch.cat([feature_map(6, 8, 1), feature_map(6, 8, 2)], dim=1).requires_grad_()
    like = loss.role in ON_POSITIONS
    targets = FeatureMaps(
        {
            "shallow": feature_map(12, 16, 3) if like else feature_map(10, 8, 3),
            "deep": torch.cat([feature_map(6, 8, s) if like else feature_map(5, 4, s) for s in (4, 5)], dim=1),
        }
    )
    start = FeatureMaps({"shallow": shallow.detach(), "deep": deep.detach()})
    aims = FeatureMaps.of(loss.level_targets(targets, start, None))
    value = loss.forward(FeatureMaps({"shallow": shallow, "deep": deep}), aims)
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
    target = feature_map(8, 6, 2) if loss.role in ON_POSITIONS else feature_map(5, 9, 2)
    given = target, start, content
    copies = [one.clone() for one in given]
    wanted, first = FeatureMaps({"layer": target}), FeatureMaps({"layer": start})
    for photo in (FeatureMaps({"layer": content}), None):
        found, again = (FeatureMaps.of(loss.level_targets(wanted, first, photo)) for _ in range(2))
        tensors = all(isinstance(one, torch.Tensor) for one in found.values())
        require(tensors, "its targets of a level must be tensors by name")
        same = found.keys() == again.keys() and all(torch.equal(found[name], again[name]) for name in found)
        require(same, "the same maps give other targets the second time")
        require(torch.isfinite(loss.forward(first, found)), "it is not finite where the level starts")
    unchanged = all(torch.equal(one, copy) for one, copy in zip(given, copies, strict=True))
    require(unchanged, "the targets of a level change a map that they are made from")


def heeds_weights(loss: FeatureLoss) -> None:
    """What lies where the weights of pastiche and target are zero changes neither the loss nor its gradient."""
    if not loss.takes_weights:
        raise NotApplicable("it takes no weights, and so no regions")
    like = loss.role in ON_POSITIONS
    inside = torch.zeros(1, 1, 8, 6)
    inside[..., :4, :] = 1.0
    offered = inside if like else torch.zeros(1, 1, 6, 10)
    offered[..., :, : offered.shape[-1] // 2] = 1.0
    found = []
    for seed in (2, 3):
        feature = torch.where(inside > 0, feature_map(8, 6, 0), feature_map(8, 6, seed)).requires_grad_()
        height, width = offered.shape[-2:]
        target = torch.where(offered > 0, feature_map(height, width, 1), feature_map(height, width, seed + 2))
        maps = FeatureMaps({"layer": feature}, {"layer": inside})
        aim = FeatureMaps({"layer": target}, {"layer": offered})
        start = FeatureMaps({"layer": feature.detach()}, {"layer": inside})
        with torch.no_grad():
            aims = FeatureMaps.of(loss.level_targets(aim, start, None))
        value = loss.forward(maps, aims)
        (gradient,) = torch.autograd.grad(value, feature)
        require(float((gradient * (1 - inside)).abs().max()) == 0, "positions of weight 0 have a gradient")
        found.append((float(value.detach()), gradient))
    (one, slope), (other, again) = found
    require(one > 0, "with weights it is zero away from the target")
    require(abs(one - other) <= 1e-5 * abs(one), f"what has no weight changes it from {one:g} to {other:g}")
    require(torch.allclose(slope, again, rtol=1e-4, atol=1e-7), "what has no weight changes its gradient")


def takes_weights_of_one_for_none(loss: FeatureLoss) -> None:
    """Where all weights are one, loss and gradient are those without weights."""
    if not loss.takes_weights:
        raise NotApplicable("it takes no weights, and so no regions")
    target = feature_map(8, 6, 1) if loss.role in ON_POSITIONS else feature_map(6, 10, 1)
    found = []
    for weighted in (False, True):
        feature = feature_map(8, 6, 0).requires_grad_()
        ones = [{"layer": torch.ones_like(each[:, :1]).detach()} if weighted else None for each in (feature, target)]
        aim, start = FeatureMaps({"layer": target}, ones[1]), FeatureMaps({"layer": feature.detach()}, ones[0])
        with torch.no_grad():
            aims = FeatureMaps.of(loss.level_targets(aim, start, None))
        value = loss.forward(FeatureMaps({"layer": feature}, ones[0]), aims)
        found.append((value.detach(), torch.autograd.grad(value, feature)[0]))
    (plain, slope), (value, again) = found
    close(value, plain, "weights of one and none", 1e-5)
    close(again, slope, "gradients with weights of one and with none", 1e-5)


LAWS = (
    *COMMON,
    takes_several_layers,
    has_level_targets_of_their_maps,
    heeds_weights,
    takes_weights_of_one_for_none,
)
"""All that is demanded of a loss on whole maps. It makes no promise about tiles."""
