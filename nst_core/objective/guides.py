"""Guides: how much every position of a feature map counts for a region.

Source: Gatys, Ecker, Bethge, Hertzmann and Shechtman, "Controlling perceptual factors in neural style transfer",
arXiv:1611.07865, section 4. A region's statistic is Σ_p T(p)² f(p) f(p)ᵀ / Σ_p T(p)², T its guide at the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.components import Tap
from nst_core.job.schema import RegionGuide

__all__ = ["Guides", "guide", "shares_of"]


def guide(mask: Tensor, tap: Tap, mode: RegionGuide = "simple") -> Tensor:
    """Return the guide of a region at a layer.

    Args:
        mask: of the image, ``(1, 1, H, W)`` in [0, 1].
        tap: geometry of the layer.
        mode: ``simple`` averages the mask over the pixels of every position's own cell; ``inside`` takes the least
            value in every position's receptive field, as far as it lies within the image, so that nothing from outside
            the region is seen. Where no receptive field of the layer lies inside, its guide is the simple one.

    Returns:
        ``(1, 1, ⌈H / stride⌉, ⌈W / stride⌉)`` in [0, 1].
    """
    if mode == "inside" and tap.receptive_field > 1:
        reach = max(0, -(-(tap.receptive_field - tap.stride) // 2))
        outside = _largest(1.0 - mask, reach)
        inside = 1.0 - F.max_pool2d(outside, tap.stride, tap.stride, ceil_mode=True)
        if inside.max() > 0:
            return inside
    if tap.stride == 1:
        return mask
    return F.avg_pool2d(mask, tap.stride, tap.stride, ceil_mode=True, count_include_pad=False)


def _largest(mask: Tensor, reach: int) -> Tensor:
    """Return the largest value within ``reach`` pixels in both directions of every pixel of the image."""
    for kernel, padding in (((2 * reach + 1, 1), (reach, 0)), ((1, 2 * reach + 1), (0, reach))):
        mask = F.max_pool2d(F.pad(mask, (padding[1],) * 2 + (padding[0],) * 2), kernel, 1)
    return mask


@dataclass(frozen=True)
class Guides:
    """The weights of a region at every layer; of everything, by default.

    Attributes:
        mask: of the image, ``(1, 1, H, W)`` in [0, 1]; ``None`` for everything.
        share: factor on the loss of the region.
        mode: see :func:`guide`.
    """

    mask: Tensor | None = field(default=None, repr=False)
    share: float = 1.0
    mode: RegionGuide = "simple"
    _known: dict[tuple[int, int, bool], Tensor] = field(default_factory=dict, repr=False, compare=False)
    _totals: dict[Hashable, float] = field(default_factory=dict, repr=False, compare=False)

    def weight(self, tap: Tap, dtype: torch.dtype = torch.float32) -> Tensor | None:
        """Return the square of the guide at a layer, ``(1, 1, H', W')``; ``None`` for one everywhere.

        Args:
            tap: of the layer.
            dtype: of the features. The weights are float32 or wider, but for bfloat16 they are rounded to it, so that
                sums of weighted features and the total weight agree.
        """
        if self.mask is None:
            return None
        rounded = dtype == torch.bfloat16
        key = tap.stride, tap.receptive_field if self.mode == "inside" else 0, rounded
        if key not in self._known:
            exact = guide(self.mask, tap, self.mode).square()
            self._known[key] = exact.bfloat16().to(exact.dtype) if rounded else exact
        return self._known[key]

    def known_total(self, key: Hashable, total: Callable[[], float]) -> float:
        """Return the total weight of some positions: what ``total`` gave for the ``key`` before, or gives now."""
        if key not in self._totals:
            self._totals[key] = total()
        return self._totals[key]


def shares_of(masks: list[Tensor], weights: list[float]) -> list[float]:
    """Return the factors on the losses of regions: every region's share of the area, times its weight.

    A region pulls at each of its positions as a style on everything would.

    Args:
        masks: ``(1, 1, H, W)`` in [0, 1].
        weights: of the regions.
    """
    return [weight * float(mask.cpu().mean(dtype=torch.float64)) for mask, weight in zip(masks, weights, strict=True)]
