"""What all losses on feature maps have in common: one map and one target give one number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nst_core.components import FeatureLoss, FeatureMaps, PointwiseLoss, StatisticLoss
from nst_core.testing.check import close, require
from nst_core.testing.samples import CHANNELS, SIZES, feature_map

__all__ = ["COMMON", "gradient_of", "target_of", "value_of"]

ON_POSITIONS = ("content", "temporal")
"""The roles whose targets have the positions of the pastiche."""


def target_of(loss: StatisticLoss, feature: Tensor) -> Any:
    """Return the target that the engine makes of a style's feature map."""
    with torch.no_grad():
        return loss.prepared_target(loss.statistic(feature).detach())


def value_of(loss: Any, feature: Tensor, target: Tensor, start: Tensor | None = None) -> Tensor:
    """Return the loss of one layer as the engine computes it, in a level that starts from ``start``, or ``feature``."""
    if isinstance(loss, StatisticLoss):
        return loss.criterion(loss.statistic(feature), target_of(loss, target), CHANNELS)
    if isinstance(loss, PointwiseLoss):
        positions = float(feature.shape[-2] * feature.shape[-1])
        return loss.pointwise(feature, target) * loss.scale(positions, CHANNELS)
    if isinstance(loss, FeatureLoss):
        first = (feature if start is None else start).detach()
        with torch.no_grad():
            aims = loss.level_targets(FeatureMaps({"layer": target}), FeatureMaps({"layer": first}), None)
        return loss.forward(FeatureMaps({"layer": feature}), FeatureMaps.of(aims))
    raise TypeError(type(loss).__name__)


def gradient_of(loss: Any, feature: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss and its gradient with respect to the feature map."""
    leaf = feature.detach().clone().requires_grad_()
    value = value_of(loss, leaf, target)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


def _target(
    loss: Any, height: int = 4, width: int = 5, *, batch: int = 1, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Return a target that differs from the map, of another size where the role allows it."""
    if loss.role in ON_POSITIONS:
        return feature_map(height, width, 1, batch=batch, dtype=dtype)
    return feature_map(6, 3, 1, dtype=dtype)


def is_a_scalar(loss: Any) -> None:
    """It gives a scalar that is positive away from the target and has a gradient there."""
    value, gradient = gradient_of(loss, feature_map(), _target(loss))
    require(value.dim() == 0, f"it gives a tensor of shape {tuple(value.shape)}")
    require(float(value) > 0, f"away from the target it is {float(value):g}, and should be positive")
    require(gradient.abs().max() > 0, "its gradient is zero away from the target")


def is_zero_at_the_target(loss: Any) -> None:
    """It is zero, and its gradient small, where pastiche and target agree."""
    for dtype, tolerance in ((torch.float64, 1e-6), (torch.float32, 1e-3)):
        feature = feature_map(dtype=dtype)
        elsewhere, slope = gradient_of(loss, feature, _target(loss, dtype=dtype))
        value, gradient = gradient_of(loss, feature, feature)
        share = abs(float(value)) / float(elsewhere)
        require(share <= tolerance, f"at the target it is {share:.1e} of its value elsewhere ({dtype})")
        steepness = float(gradient.abs().max() / slope.abs().max())
        require(steepness <= 0.01, f"at the target its gradient is {steepness:.1e} of the one elsewhere ({dtype})")


def has_the_right_gradient(loss: Any) -> None:
    """Its gradient is the one of finite differences, in float64."""
    target, start = _target(loss), feature_map(seed=2)
    torch.autograd.gradcheck(lambda x: value_of(loss, x, target, start), feature_map().requires_grad_())


def takes_every_precision(loss: Any) -> None:
    """From bfloat16 and float32 features it gives float32 or wider, near the value in float64."""
    for dtype, tolerance in ((torch.float32, 1e-3), (torch.bfloat16, 0.02)):
        feature, target = feature_map(dtype=dtype), _target(loss, dtype=dtype)
        value, gradient = gradient_of(loss, feature, target)
        require(value.dtype in (torch.float32, torch.float64), f"from {dtype} it gives {value.dtype}")
        require(gradient.dtype == dtype, f"from {dtype} its gradient is {gradient.dtype}")
        exact = value_of(loss, feature.double(), target.double())
        close(value, exact.detach(), f"{dtype} and float64", tolerance)


def takes_every_size(loss: Any) -> None:
    """Maps of any height and width, a single position included, give a finite value and gradient."""
    for height, width in SIZES:
        feature = feature_map(height, width, dtype=torch.float32)
        targets = [feature_map(height, width, 1, dtype=torch.float32)]
        if loss.role not in ON_POSITIONS:
            targets += [feature_map(h, w, 1, dtype=torch.float32) for h, w in SIZES]
        for target in targets:
            against = f"{height}×{width} against {target.shape[-2]}×{target.shape[-1]}"
            _require_finite(loss, feature, target, against)


def adds_up_a_batch(loss: Any) -> None:
    """The loss of a batch is the sum of the losses of its maps."""
    features, targets, start = feature_map(batch=2), _target(loss, batch=2), feature_map(seed=2)
    apart = sum(value_of(loss, f[None], t[None], start) for f, t in _pairs(features, targets))
    close(value_of(loss, features, targets, start), torch.as_tensor(apart), "a batch and its maps one by one", 1e-6)


def _pairs(features: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(features, targets.expand(len(features), -1, -1, -1), strict=True)


def is_finite_on_constant_maps(loss: Any) -> None:
    """Constant maps and maps of zeros give a finite value and gradient, as pastiche, as target, and as both."""
    varied = feature_map(4, 4, dtype=torch.float32)
    flat = [torch.zeros_like(varied), torch.ones_like(varied), torch.full_like(varied, -0.3)]
    for constant in flat:
        for feature, target in ((constant, varied), (varied, constant), *((constant, other) for other in flat)):
            name = f"pastiche {float(feature.std()):.1g}±, target constant {float(target.mean()):.1g}"
            _require_finite(loss, feature, target, name)


def _require_finite(loss: Any, feature: Tensor, target: Tensor, where: str) -> None:
    value, gradient = gradient_of(loss, feature, target)
    require(torch.isfinite(value), f"{where}: the value is {float(value)}")
    require(torch.isfinite(gradient).all(), f"{where}: the gradient is not finite")


def is_deterministic(loss: Any) -> None:
    """The same maps give the same bits, whatever torch's global random state, which stays as it is."""
    feature, target = feature_map(dtype=torch.float32), _target(loss, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        value, gradient = gradient_of(loss, feature, target)
        torch.manual_seed(2)
        before = torch.get_rng_state()
        again, gradient_again = gradient_of(loss, feature, target)
        untouched = torch.equal(before, torch.get_rng_state())
    require(torch.equal(value, again) and torch.equal(gradient, gradient_again), "two evaluations differ")
    require(untouched, "it draws from torch's global random numbers; use a torch.Generator with a seed of its own")


def leaves_its_inputs_alone(loss: Any) -> None:
    """It changes neither the features nor the target."""
    feature, target = feature_map(), _target(loss)
    copies = feature.clone(), target.clone()
    value_of(loss, feature, target)
    require(torch.equal(feature, copies[0]) and torch.equal(target, copies[1]), "an input was changed in place")


COMMON = (
    is_a_scalar,
    is_zero_at_the_target,
    has_the_right_gradient,
    takes_every_precision,
    takes_every_size,
    adds_up_a_batch,
    is_finite_on_constant_maps,
    is_deterministic,
    leaves_its_inputs_alone,
)
