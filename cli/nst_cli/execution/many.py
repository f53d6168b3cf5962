"""Carrying many jobs out for a command: estimate, progress, report, exit code."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nst_cli import console, interruption
from nst_cli.options.groups import ReportOptions, ThreadOptions
from nst_core.errors import JobError
from nst_core.files import Lock

if TYPE_CHECKING:
    from nst_core import Job, Session
    from nst_core.experiments.batch import Batch, BatchObserver, JobOutcome
    from nst_core.experiments.layout import Sheet

__all__ = ["Plan", "carry_out_all", "claimed", "computed", "conclude"]


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Attributes:
        title: of the report.
        sheets: of cells, each with its job.
        labels: what messages call the cells, in the order of :attr:`jobs`.
    """

    title: str
    sheets: Sequence[Sheet]
    labels: Sequence[str]

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all cells, sheet after sheet."""
        return [cell.job for sheet in self.sheets for cell in sheet.cells]


def carry_out_all(
    title: str,
    sheets: Sequence[Sheet],
    session: Session,
    folder: Path,
    report: ReportOptions,
    threads: ThreadOptions,
) -> None:
    """Make what is missing of all cells, write the report and print its path, or everything as JSON.

    Args:
        title: of the report.
        sheets: what to make.
        session: that all cells are run in.
        folder: for cells and report, made where it is missing.
        report: what is printed.
        threads: with how many threads to compute.

    Raises:
        JobError: the folder cannot be written to, or another process does so; the number of threads is invalid.
        typer.Exit: 1 where a cell failed; after a signal 128 and its number, 130 for Ctrl-C.
    """
    labels = [" ".join(filter(None, (s.title + ":", c.row, c.column))) for s in sheets for c in s.cells]
    plan = Plan(title, sheets, labels)
    with claimed(folder, threads):
        from nst_core.experiments.batch import prepare

        batch = computed(plan, prepare(plan.jobs, folder, session), session, folder, report)
        conclude(plan, batch, folder, report)


@contextmanager
def claimed(folder: Path, threads: ThreadOptions) -> Iterator[None]:
    """Have a folder of cells, made where it is missing, to oneself for the length of a block.

    Raises:
        JobError: it cannot be written to, or another process does so; the number of threads is invalid.
    """
    busy = f"another nst is writing to '{folder}'; wait for it to end, or choose another folder"
    with threads.limited():
        _make(folder)
        with Lock(folder / ".lock").held(JobError(busy)):
            yield


def computed(
    plan: Plan,
    prepared: Sequence[JobOutcome],
    session: Session,
    folder: Path,
    options: ReportOptions,
    observers: Sequence[BatchObserver] = (),
) -> Batch:
    """Make what is missing, and tell how that goes.

    Args:
        plan: what to make.
        prepared: what there is of it, see :func:`nst_core.experiments.batch.prepare`.
        session: that all cells are run in.
        folder: of the cells.
        options: what is printed.
        observers: watch the run, beside what shows the progress.
    """
    from nst_cli.execution.batch_progress import batch_progress, minutes
    from nst_core.experiments.batch import Batch, Observers, count, estimate, prepare, run_batch

    say = options.say
    for result, label in zip(prepared, plan.labels, strict=True):
        if result.status == "failed":
            say(f"{label}: {result.error}")
    for remark in dict.fromkeys(_remark(j, session) for j, r in zip(plan.jobs, prepared, strict=True) if r.key):
        if remark:
            say(f"note: {remark}")
    missing, cached = count(prepared, "missing"), count(prepared, "cached")
    say(f"{missing + cached} different cells, {cached} already finished")
    if missing:
        say(f"the others will take about {minutes(estimate(prepared, session))}")
    try:
        with batch_progress(plan.labels, missing, options.quiet) as watcher:
            batch = run_batch(prepared, folder, session, Observers([watcher, *observers]))
        interruption.hold()
    except KeyboardInterrupt:  # between two cells, or once more
        interruption.hold()
        batch = Batch(tuple(prepare(plan.jobs, folder, session)), interrupted=True)
    return batch


def conclude(
    plan: Plan, batch: Batch, folder: Path, options: ReportOptions, more: Mapping[str, Any] | None = None
) -> None:
    """Write the report, print its path or everything as JSON, and exit as the batch ended.

    Args:
        plan: what was to be made.
        batch: what became of it.
        folder: for the report.
        options: what is printed.
        more: what the JSON holds beside report and cells.

    Raises:
        JobError: the report cannot be written.
        typer.Exit: 1 where a cell failed; after a signal 128 and its number, 130 for Ctrl-C.
    """
    from nst_cli.report import Report, arrange, write_report
    from nst_core.diagnostics import machine

    say = options.say
    report = Report(plan.title, shlex.join(["nst", *sys.argv[1:]]), arrange(plan.sheets, batch.results), machine())
    try:
        html, markdown = write_report(report, folder)
    except OSError as error:
        raise JobError(f"the report could not be written to '{folder}': {error}") from None
    for result, label in zip(batch.results, plan.labels, strict=True):
        for remark in result.record.get("remarks", []) if result.status == "done" else []:
            say(f"note: {label}: {remark}")
    summary = {**_summary(batch, plan.labels, html, markdown), **(more or {})}
    console.out(json.dumps(summary, indent=2) if options.as_json else str(html))
    if batch.interrupted:
        say("interrupted; finished cells are kept, and the same command continues")
    if batch.interrupted or interruption.received():
        raise typer.Exit(interruption.exit_code())
    if batch.failed:
        say(f"{len(batch.failed)} of {len(batch.results)} cells failed; the others are in the report")
        raise typer.Exit(1)


def _remark(job: Job, session: Session) -> str:
    """Return what the user should know about the network that a job leaves open; a pinned one names it."""
    return session.cache.extractor(session.registry, job.extractor).remark()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cells").mkdir(exist_ok=True)
    except OSError as error:
        raise JobError(f"the folder '{folder}' cannot be created or written to: {error}") from None


def _summary(batch: Batch, labels: Sequence[str], html: Path, markdown: Path) -> dict[str, Any]:
    return {
        "report": str(html),
        "markdown": str(markdown),
        "interrupted": batch.interrupted,
        "cells": [
            {
                "label": label,
                "status": result.status,
                "error": result.error,
                "key": result.key,
                "picture": str(result.picture) if result.picture else None,
                **{name: result.record.get(name) for name in ("total", "losses", "seconds", "evaluations", "metrics")},
                "job": result.record.get("job", result.job.to_dict()),
            }
            for label, result in zip(labels, batch.results, strict=True)
        ],
    }
