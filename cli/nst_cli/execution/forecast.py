"""``nst batch --dry-run``: what would be made, how long that takes, and how much memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nst_cli import console, exit_codes
from nst_cli.options.groups import ReportOptions, WorkOptions

if TYPE_CHECKING:
    from nst_cli.execution.many import Plan
    from nst_core import Session

__all__ = ["forecast"]


def forecast(
    plan: Plan,
    session: Session,
    folder: Path,
    report: ReportOptions,
    work: WorkOptions,
    skipped: Sequence[str] = (),
) -> None:
    """Print what would be made of a plan; write nothing. The arguments are those of ``carry_out_all``.

    Raises:
        JobError: a name is taken by another file, or an option is invalid.
        typer.Exit: 1 where an image cannot be read, or memory is short.
    """
    from nst_cli.execution.batch_progress import minutes
    from nst_core.experiments.batch import count, estimate, neediest, opened, prepare
    from nst_core.experiments.driver import machines, share_of
    from nst_core.experiments.publishing import check_free
    from nst_core.runtime.memory import format_memory

    with work.opened(session.registry) as executor, work.limited():
        prepared = opened(prepare(plan.jobs, folder, session), session)
        check_free(folder, plan.names, prepared)
        seconds = estimate(prepared, session, machines(executor))
        memory = neediest(prepared, session, share_of(executor, work.threads))
        workers = executor.workers
    fits = memory is None or memory.fits
    failed = [result for result in prepared if result.status == "failed"]
    if report.as_json:
        found = {
            "pictures": [
                {"name": name, "status": result.status, "error": result.error}
                for name, result in zip(plan.names, prepared, strict=True)
            ],
            "missing": count(prepared, "missing"),
            "cached": count(prepared, "cached"),
            "workers": workers,
            "seconds": seconds,
            "bytes": memory.bytes if memory else 0,
            "limit": memory.limit if memory else None,
            "fits": fits,
            "skipped": [*skipped],
        }
        console.out(json.dumps(found, indent=2))
    else:
        for name, result in zip(plan.names, prepared, strict=True):
            console.out(f"{name}  {result.status}{f': {result.error}' if result.error else ''}")
        console.out(
            f"pictures  {len(prepared)}: {count(prepared, 'missing')} to make, {count(prepared, 'cached')} finished"
        )
        if memory:
            each = f" for each of {workers} workers" if workers > 1 else ""
            console.out(f"time      about {minutes(seconds)}{f' with {workers} workers' if workers > 1 else ''}")
            peak, limit = format_memory(memory.bytes), format_memory(memory.limit)
            console.out(f"memory    {peak} at the peak{each}; {limit} may be used")
        if memory and not fits:
            hint = " Fewer --workers have more memory each." if workers > 1 else ""
            console.out(f"it does not fit. {memory.advice}{hint}")
    if failed or not fits:
        raise typer.Exit(exit_codes.FAILED)
