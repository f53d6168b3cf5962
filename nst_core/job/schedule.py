"""The schedule: the resolution levels at which a pastiche is made, one after the other.

The receptive fields of a network have a size in pixels, so at a large size the strokes are small. Each level begins
with the result of the one before it, enlarged, and the style images are scaled along: large forms come from the small
levels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from nst_core.job.bounds import BOUNDS
from nst_core.job.schema import Job, Source

__all__ = ["SMALLEST_LEVEL", "Level", "job_at", "levels_of", "style_size"]

SMALLEST_LEVEL = 128
"""Longest side in pixels of the first level by default, or one nearer to it than by a factor of the fourth root of 2. A
painting's largest forms are within the receptive fields of the network's deep layers there."""

SMALLEST_SHARE = 1 / 4
"""Share of the picture's longest side that the first level of a smaller picture has, so that forms have the same size
relative to the picture; see :data:`LEAST_LEVEL`."""

LEAST_LEVEL = 64
"""Longest side in pixels that no level before the last falls below by default: deep layers have few positions there."""

LEVEL_RATIO = 2**0.5
"""Ratio of the longest sides of a level and the one before it, by default."""


@dataclass(frozen=True)
class Level:
    """One resolution level.

    Attributes:
        size: longest side of the pastiche in pixels.
        steps: evaluations at this size.
    """

    size: int
    steps: int


def levels_of(job: Job, longest: int, usable: Callable[[int], bool] = lambda _: True) -> tuple[Level, ...]:
    """Return the levels of a job, from small to large.

    The smallest has all of the job's steps; a larger one has fewer by the ratio of the sizes, as its evaluations
    cost more and it begins nearer to its end.

    Args:
        job: the job; ``job.levels`` are the sizes before the last one, ``None`` are those from about
            :data:`SMALLEST_LEVEL` on, or from :data:`SMALLEST_SHARE` of the picture where that is less, each
            :data:`LEVEL_RATIO` times as large as the one before it.
        longest: longest side of its pastiche in pixels.
        usable: whether a level of a longest side in pixels may come before the last one where the job does not say
            which levels there are.
    """
    if job.levels is None:
        smallest = min(SMALLEST_LEVEL, max(LEAST_LEVEL, SMALLEST_SHARE * longest))
        before = max(0, round(math.log(longest / smallest, LEVEL_RATIO)))
        sizes = [round(longest / LEVEL_RATIO**number) for number in range(before, 0, -1)]
        sizes = [size for size in sizes if usable(size)] + [longest]
    else:
        sizes = [size for size in job.levels if size < longest] + [longest]
    return tuple(Level(size, max(1, round(job.steps * sizes[0] / size))) for size in sizes)


def style_size(job: Job, style: Source, own: int, longest: int) -> int:
    """Return the longest side in pixels at which a style image is used.

    At a scale of 1 it is that of the pastiche, whatever the size of the image's file: the strokes of a painting are the
    same share of the picture from a large file as from a small one, which is enlarged. The sample of a texture, which
    may be larger or smaller than it, has the job's ``size`` instead, or its own where that is smaller. The scale is a
    factor on it.

    Args:
        job: the job.
        style: one of its styles.
        own: longest side of the style image's file in pixels.
        longest: longest side of the pastiche in pixels.
    """
    return max(1, round(style.scale * (longest if job.content is not None else min(job.size, own))))


def job_at(job: Job, level: Level, longest: int) -> Job:
    """Return the job of one level alone, with style images in the same proportion to the pastiche as at the last one.

    Args:
        job: the job.
        level: one of its levels.
        longest: longest side of its pastiche in pixels.
    """
    if level.size == longest:
        return replace(job, steps=level.steps, levels=())
    if job.content is not None:
        return replace(job, size=level.size, steps=level.steps, levels=())
    factor = level.size / longest
    shape = job.shape and (max(1, round(job.shape[0] * factor)), max(1, round(job.shape[1] * factor)))
    scales = (max(style.scale * factor, BOUNDS["scale"].least) for style in job.styles)
    styles = tuple(replace(style, scale=scale) for style, scale in zip(job.styles, scales, strict=True))
    return replace(job, shape=shape, styles=styles, steps=level.steps, levels=())
