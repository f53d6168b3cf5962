"""Carrying many jobs out whose pictures get names of their own, in a folder with a table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nst_cli import console
from nst_cli.execution.many import claimed, computed, conclude
from nst_cli.options.groups import ReportOptions, ThreadOptions
from nst_core.errors import JobError
from nst_core.experiments.batch import BatchObserver, count, estimate, neediest, opened, prepare
from nst_core.experiments.publishing import check_free, index_row, publish, read_index, write_index

if TYPE_CHECKING:
    from nst_cli.execution.many import Plan
    from nst_core import Session
    from nst_core.experiments.batch import JobOutcome

__all__ = ["carry_out_named", "forecast_named"]


def carry_out_named(
    plan: Plan,
    session: Session,
    folder: Path,
    report: ReportOptions,
    threads: ThreadOptions,
    skipped: Sequence[str] = (),
) -> None:
    """Make what is missing, put every picture under its name into the folder, and write table and report.

    Args:
        plan: what to make; its labels are the file names of the pictures.
        session: that all cells are run in.
        folder: for pictures, cells, table and report, made where it is missing.
        report: what is printed.
        threads: with how many threads to compute.
        skipped: what was given and is no image, for the JSON.

    Raises:
        JobError: a name is taken by another file, or the folder cannot be written to, or another process does so.
        typer.Exit: 1 where a cell failed; after a signal 128 and its number, 130 for Ctrl-C.
    """
    with claimed(folder, threads):
        prepared = prepare(plan.jobs, folder, session)
        check_free(folder, plan.labels, prepared)
        pictures = _Pictures(plan.labels, prepared, folder)
        pictures.write(prepared)
        batch = computed(plan, prepared, session, folder, report, [pictures])
        index = pictures.write(batch.results)
        conclude(plan, batch, folder, report, {"index": str(index), "skipped": [*skipped]})


class _Pictures(BatchObserver):
    """Puts every picture under its name, and into the table, as soon as it is made."""

    def __init__(self, names: Sequence[str], prepared: Sequence[JobOutcome], folder: Path) -> None:
        self.names, self.folder = names, folder
        self.earlier = read_index(folder)
        self.results = list(prepared)

    def ended(self, number: int, result: JobOutcome) -> None:
        self.results[number] = result
        self._publish([number])

    def write(self, results: Sequence[JobOutcome]) -> Path:
        """Write all pictures that there are, and return the path of the table."""
        self.results = list(results)
        return self._publish(range(len(self.names)))

    def _publish(self, numbers: Sequence[int]) -> Path:
        try:
            for number in numbers:
                publish(self.results[number], self.folder / self.names[number])
            rows = [index_row(name, result) for name, result in zip(self.names, self.results, strict=True)]
            return write_index(self.folder, rows, self.earlier)
        except OSError as error:
            raise JobError(
                f"the pictures could not be written to '{self.folder}': {error}; finished ones are kept in 'cells', "
                "and the same command continues"
            ) from None


def forecast_named(
    plan: Plan,
    session: Session,
    folder: Path,
    report: ReportOptions,
    threads: ThreadOptions,
    skipped: Sequence[str] = (),
) -> None:
    """Print what :func:`carry_out_named` would make, how long that takes, and how much memory; write nothing.

    Raises:
        JobError: see :func:`carry_out_named`.
        typer.Exit: 1 where an image cannot be read, or memory is short.
    """
    from nst_cli.execution.batch_progress import minutes
    from nst_core.runtime.memory import format_memory

    with threads.limited():
        prepared = opened(prepare(plan.jobs, folder, session), session)
        check_free(folder, plan.labels, prepared)
        seconds = estimate(prepared, session)
        memory = neediest(prepared, session)
    fits = memory is None or memory.fits
    failed = [result for result in prepared if result.status == "failed"]
    if report.as_json:
        found = {
            "pictures": [
                {"name": name, "status": result.status, "error": result.error}
                for name, result in zip(plan.labels, prepared, strict=True)
            ],
            "missing": count(prepared, "missing"),
            "cached": count(prepared, "cached"),
            "seconds": seconds,
            "bytes": memory.bytes if memory else 0,
            "limit": memory.limit if memory else None,
            "fits": fits,
            "skipped": [*skipped],
        }
        console.out(json.dumps(found, indent=2))
    else:
        for name, result in zip(plan.labels, prepared, strict=True):
            console.out(f"{name}  {result.status}{f': {result.error}' if result.error else ''}")
        console.out(
            f"pictures  {len(prepared)}: {count(prepared, 'missing')} to make, {count(prepared, 'cached')} finished"
        )
        if memory:
            console.out(f"time      about {minutes(seconds)}")
            peak, limit = format_memory(memory.bytes), format_memory(memory.limit)
            console.out(f"memory    {peak} at the peak; {limit} may be used")
        if memory and not fits:
            console.out(f"it does not fit. {memory.advice}")
    if failed or not fits:
        raise typer.Exit(1)
