"""The schedule: the resolution levels at which a pastiche is made, one after the other.

The receptive fields of a network have a size in pixels, so at a large size the strokes are small. Each level begins
with the result of the one before it, enlarged, and the style images are scaled along: large forms come from the small
levels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nst_core.job.bounds import BOUNDS
from nst_core.job.schema import Job

__all__ = ["COARSE_FROM", "Level", "job_at", "levels_of", "preview_of"]

COARSE_FROM = 768
"""Longest side in pixels from which on a smaller level comes first by default."""


@dataclass(frozen=True)
class Level:
    """One resolution level.

    Attributes:
        size: longest side of the pastiche in pixels.
        steps: evaluations at this size.
    """

    size: int
    steps: int


def levels_of(job: Job, longest: int) -> tuple[Level, ...]:
    """Return the levels of a job, from small to large.

    The smallest has all of the job's steps; a larger one has fewer by the ratio of the sizes, as its evaluations
    cost more and it begins nearer to its end.

    Args:
        job: the job; ``job.levels`` are the sizes before the last one, ``None`` halves until a level is smaller than
            :data:`COARSE_FROM`.
        longest: longest side of its pastiche in pixels.
    """
    if job.levels is None:
        sizes = [longest]
        while sizes[0] >= COARSE_FROM:
            sizes.insert(0, round(sizes[0] / 2))
    else:
        sizes = [size for size in job.levels if size < longest] + [longest]
    return tuple(Level(size, max(1, round(job.steps * sizes[0] / size))) for size in sizes)


def job_at(job: Job, level: Level, longest: int) -> Job:
    """Return the job of one level alone, where ``longest`` is the longest side of the pastiche of ``job``."""
    if level.size == longest:
        return replace(job, steps=level.steps, levels=())
    factor = level.size / longest
    shape = job.shape and (max(1, round(job.shape[0] * factor)), max(1, round(job.shape[1] * factor)))
    # Where the pastiche is smaller than the job's size, the style images are larger than the pastiche: keep the ratio.
    ratio = job.size / longest if job.content is not None else 1.0
    size = level.size if job.content is not None else max(1, round(job.size * factor))
    styles = tuple(replace(style, scale=min(style.scale * ratio, BOUNDS["scale"].most)) for style in job.styles)
    return replace(job, size=size, shape=shape, styles=styles, steps=level.steps, levels=())


def preview_of(job: Job, longest: int) -> Job:
    """Return the job of the smallest level alone; ``longest`` is the longest side of the pastiche of ``job``."""
    return job_at(job, levels_of(job, longest)[0], longest)
