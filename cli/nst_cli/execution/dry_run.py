"""``nst run --dry-run``: what would be done, with how much memory and time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from nst_cli import console

if TYPE_CHECKING:
    from nst_cli.options.resources import Means
    from nst_core.job.schema import Job
    from nst_core.planning.memory_plan import Plan

__all__ = ["show_plan"]


def show_plan(job: Job, means: Means, *, as_json: bool) -> None:
    """Print the plan of a job; exit with code 1 if it does not fit."""
    from nst_core.engine.run import plan

    found = plan(job, tile=means.tile, memory_limit=means.memory_limit)
    if as_json:
        console.out(json.dumps(found.to_dict(), indent=2))
    else:
        console.out("\n".join(_lines(found, job)))
    if not found.fits:
        raise typer.Exit(1)


def _lines(plan: Plan, job: Job) -> list[str]:
    from nst_cli.execution.batch_progress import minutes
    from nst_core.runtime.memory import shown

    lines = []
    for scale in plan.scales:
        tiles = "whole"
        if scale.rows * scale.columns > 1:
            tiles = f"{scale.rows}×{scale.columns} tiles, {scale.overlap:.2f} pixels computed for each"
        lines.append(
            f"{scale.width}×{scale.height}  {scale.evaluations} evaluations  {tiles}  "
            f"{shown(scale.bytes)}  {minutes(scale.seconds)}"
        )
    history = f", remembering {plan.history} steps" if plan.history else ""
    lines += [
        f"optimizer   {job.optimizer.name}{history}",
        f"memory      {shown(plan.bytes)} at the peak; {shown(plan.limit)} may be used",
        f"floor       {shown(plan.floor)} whatever the tiles",
        f"time        {minutes(plan.seconds)}, without loading",
        "it fits" if plan.fits else f"it does not fit. {plan.advice}",
    ]
    return lines
