"""The problem of a job with images in memory, for tests of what is optimised."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nst_core import EarlierFrame, Evaluation, Job, Problem, Registry, Resources, Session

__all__ = ["at", "problem_of"]


def problem_of(
    job: Job,
    registry: Registry,
    content: Tensor | None = None,
    style: Tensor | None = None,
    tile: int | None = None,
    earlier: Sequence[EarlierFrame] = (),
) -> Problem:
    """Return the problem of a job at its last level."""
    resources = Resources(tile="off" if tile is None else tile)
    styles = () if style is None else [style]
    session = Session(registry)
    return session.prepare(job, content=content, styles=styles, resources=resources, earlier=earlier).problem()


def at(problem: Problem, image: Tensor) -> Evaluation:
    """Return the objective of a problem as a differentiable function of an image."""
    return problem.objective(image, problem.targets, weights=problem.weights)
