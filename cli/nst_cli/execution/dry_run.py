"""``nst run --dry-run``: what would be done, with how much memory and time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from nst_cli import console, exit_codes

if TYPE_CHECKING:
    from nst_core import Job, MemoryPlan, Resources, Session

__all__ = ["show_plan"]


def show_plan(job: Job, session: Session, resources: Resources, *, as_json: bool) -> None:
    """Print the plan of a job; exit with code 1 if it does not fit."""
    from nst_cli.options.images import check_no_folder_in

    check_no_folder_in(job, session.registry)
    found = session.plan(job, resources=resources)
    if as_json:
        console.out(json.dumps(found.to_dict(), indent=2))
    else:
        console.out("\n".join(_lines(found, job)))
    if not found.fits:
        raise typer.Exit(exit_codes.FAILED)


def _lines(plan: MemoryPlan, job: Job) -> list[str]:
    from nst_cli.execution.batch_progress import minutes
    from nst_core.runtime.memory import format_memory

    lines = []
    for level in plan.levels:
        tiles = "whole"
        if level.rows * level.columns > 1:
            tiles = f"{level.rows}×{level.columns} tiles, {level.overlap:.2f} pixels computed for each"
        lines.append(
            f"{level.width}×{level.height}  {level.evaluations} evaluations  {tiles}  "
            f"{format_memory(level.bytes)}  {minutes(level.seconds)}"
        )
    params = ", ".join(f"{name}={value}" for name, value in plan.optimizer.params.items())
    files = f"{format_memory(plan.disk)} in scratch files; {format_memory(plan.disk_room)} are free"
    lines += [
        f"optimizer   {job.optimizer.name}" + (f" with {params}, to fit" if plan.optimizer_reduced else ""),
        f"memory      {format_memory(plan.bytes)} at the peak; {format_memory(plan.limit)} may be used",
        f"floor       {format_memory(plan.floor)} whatever the tiles",
        f"time        {minutes(plan.seconds)}, without loading",
        *([f"disk        {files}"] if plan.disk else []),
        "it fits" if plan.fits else f"it does not fit. {plan.advice}",
    ]
    return lines
