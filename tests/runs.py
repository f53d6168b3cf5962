"""Runs of a tiny network, in one go or step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from nst_core import (
    Checkpoint,
    Job,
    Resources,
    Result,
    Run,
    Session,
    make_job,
    run,
)


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    small = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, size=(height, width), mode="bicubic").clamp(0, 1)


CONTENT, STYLE = picture(24, 32, 0), picture(32, 23, 1)


def job(registry, **options) -> Job:
    given = {"preset": "content", "extractor": "tiny", "steps": 25, "precision": "fp32"} | options
    return make_job(CONTENT, STYLE, session=Session(registry), **given)


def carry_out(registry, *observers, **options):
    return run(job(registry, **options), content=CONTENT, styles=STYLE, observers=observers, session=Session(registry))


def begin(registry, *, session: Session | None = None, keep: Path | None = None, threads=None, **options) -> Run:
    """Begin a run, saved after every step if a file is named."""
    return (session or Session(registry)).run(
        job(registry, **options),
        content=CONTENT,
        styles=[STYLE],
        resources=Resources(threads=threads),
        checkpoint=Checkpoint(keep, every=0.0) if keep else None,
    )


def with_actions(run: Run, actions: Mapping[int, Callable[[Run], object]]) -> Result:
    """Make all steps that are left, and do something with the run after some of them, by number."""
    for step in run:
        if step.number in actions:
            actions[step.number](run)
    return run.result()


LEVELS = {"levels": "16,24,32", "steps": 8}  # 8, 5 and 4 evaluations


def same(found: Result, expected: Result) -> None:
    assert torch.equal(found.image, expected.image)
    assert found.history == expected.history
    assert found.total == expected.total
    assert found.losses == expected.losses
    assert found.job == expected.job
    assert found.remarks == expected.remarks
    assert found.stopped == expected.stopped
    assert [(x.size, x.evaluations, x.total) for x in found.levels] == [
        (x.size, x.evaluations, x.total) for x in expected.levels
    ]
