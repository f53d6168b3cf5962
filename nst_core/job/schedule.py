"""Coarse to fine: the sizes at which a pastiche is made, one after the other.

The receptive fields of a network have a size in pixels, so at a large size the strokes are small. Each scale begins
with the result of the one before it, enlarged, and the style image is scaled along: large forms come from the small
scales.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nst_core.job.schema import Job

__all__ = ["COARSE_FROM", "Scale", "job_at", "preview_of", "scales_of"]

COARSE_FROM = 768
"""Longest side in pixels from which on a smaller scale comes first by default."""


@dataclass(frozen=True)
class Scale:
    """One of the sizes.

    Attributes:
        size: longest side of the pastiche in pixels.
        steps: evaluations at this size.
    """

    size: int
    steps: int


def scales_of(job: Job, longest: int) -> tuple[Scale, ...]:
    """Return the scales of a job, from small to large.

    The smallest has all of the job's steps; a larger one has fewer by the ratio of the sizes, as its evaluations
    cost more and it begins nearer to its end.

    Args:
        job: what to do; ``job.scales`` are the sizes before the last one, ``None`` halves until a scale is
            smaller than :data:`COARSE_FROM`.
        longest: longest side of its pastiche.
    """
    if job.scales is None:
        sizes = [longest]
        while sizes[0] >= COARSE_FROM:
            sizes.insert(0, round(sizes[0] / 2))
    else:
        sizes = [size for size in job.scales if size < longest] + [longest]
    return tuple(Scale(size, max(1, round(job.steps * sizes[0] / size))) for size in sizes)


def job_at(job: Job, scale: Scale, longest: int) -> Job:
    """Return the job of one scale, where ``longest`` is the longest side of the pastiche of ``job``."""
    if scale.size == longest:
        return replace(job, steps=scale.steps, scales=())
    factor = scale.size / longest
    shape = job.shape and (max(1, round(job.shape[0] * factor)), max(1, round(job.shape[1] * factor)))
    # Where the pastiche is smaller than the job's size, the style image is larger than the pastiche: keep the ratio.
    ratio = job.size / longest if job.content is not None else 1.0
    size = scale.size if job.content is not None else max(1, round(job.size * factor))
    return replace(job, size=size, shape=shape, style_scale=job.style_scale * ratio, steps=scale.steps, scales=())


def preview_of(job: Job, longest: int) -> Job:
    """Return the job of the smallest scale alone."""
    return job_at(job, scales_of(job, longest)[0], longest)
