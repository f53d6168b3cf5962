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

from nst_cli import console, exit_codes, interruption
from nst_cli.options.groups import ReportOptions, ThreadOptions, WorkOptions
from nst_core.errors import JobError
from nst_core.files import Lock

if TYPE_CHECKING:
    from nst_core import Executor, Job, Session
    from nst_core.experiments.batch import Batch, JobOutcome
    from nst_core.experiments.layout import Sheet

__all__ = ["Plan", "carry_out_all", "claimed", "computed", "conclude", "reported"]


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Attributes:
        title: of the report.
        sheets: of cells, each with its job.
        names: file names of the pictures, in the order of :attr:`jobs`; messages call the jobs so, too.
        compared: whether the pictures are made to be compared, and their loss curves drawn.
    """

    title: str
    sheets: Sequence[Sheet]
    names: Sequence[str]
    compared: bool = True

    @classmethod
    def of(cls, title: str, sheets: Sequence[Sheet], folder: Path) -> Plan:
        """Return a plan whose pictures are named as their cells are; ``folder`` is where they go."""
        from nst_core.experiments.naming import different_names

        return cls(title, sheets, different_names([cell.name for sheet in sheets for cell in sheet.cells], folder))

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all cells, sheet after sheet."""
        return [cell.job for sheet in self.sheets for cell in sheet.cells]


def carry_out_all(
    plan: Plan,
    session: Session,
    folder: Path,
    report: ReportOptions,
    work: WorkOptions,
    skipped: Sequence[str] = (),
) -> None:
    """Make what is missing, put every picture under its name into the folder, and write table and report.

    Args:
        plan: what to make.
        session: that jobs are planned in.
        folder: for pictures, cells, table and report, made where it is missing.
        report: what is printed.
        work: where jobs are computed, and with how many threads.
        skipped: what was given and is no image, for the JSON.

    Raises:
        JobError: a name is taken by another file, or the folder cannot be written to, or another process does so.
        NstError: the executor does not exist, or does not work.
        typer.Exit: 1 where a cell failed; after a signal 128 and its number, 130 for Ctrl-C.
    """
    with work.opened(session.registry) as executor, claimed(folder, work):
        batch, index = computed(plan, session, folder, report, work, executor)
        conclude(plan, batch, folder, report, {"index": str(index), "skipped": [*skipped]})


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
    session: Session,
    folder: Path,
    options: ReportOptions,
    work: WorkOptions,
    executor: Executor,
    failures: Mapping[str, JobOutcome] | None = None,
) -> tuple[Batch, Path]:
    """Make what is missing, tell how that goes, and return what became of it, and the path of the table.

    Args:
        plan: what to make.
        session: that jobs are planned in.
        folder: of the cells.
        options: what is printed.
        work: with how many threads.
        executor: where jobs are computed.
        failures: jobs that are not tried again, by key.
    """
    from nst_cli.execution.batch_progress import batch_progress, minutes
    from nst_cli.execution.pictures import Pictures
    from nst_core.experiments.batch import Batch, Observers, count, estimate, prepare
    from nst_core.experiments.driver import machines, run_batch

    say = options.say
    prepared = [(failures or {}).get(result.key, result) for result in prepare(plan.jobs, folder, session)]
    pictures = Pictures(plan.names, prepared, folder)
    for result, name in zip(prepared, plan.names, strict=True):
        if result.status == "failed":
            say(f"{name}: {result.error}")
    for remark in dict.fromkeys(_remark(j, session) for j, r in zip(plan.jobs, prepared, strict=True) if r.key):
        if remark:
            say(f"note: {remark}")
    missing, cached = count(prepared, "missing"), count(prepared, "cached")
    say(f"{missing + cached} different cells, {cached} already finished")
    if missing:
        several = f" with {executor.workers} workers" if executor.workers > 1 else ""
        say(f"the others will take about {minutes(estimate(prepared, session, machines(executor)))}{several}")
    try:
        with batch_progress(plan.names, missing, options.quiet) as watcher:
            observers = Observers([watcher, pictures])
            batch = run_batch(prepared, folder, session, executor, observers, threads=work.threads)
        interruption.hold()
    except KeyboardInterrupt:  # between two cells, or once more
        interruption.hold()
        batch = Batch(tuple(prepare(plan.jobs, folder, session)), interrupted=True)
    return batch, pictures.write(batch.results)


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
    say = options.say
    html, markdown = reported(plan, batch, folder)
    for result, name in zip(batch.results, plan.names, strict=True):
        for remark in result.record.get("remarks", []) if result.status == "done" else []:
            say(f"note: {name}: {remark}")
    summary = {**_summary(batch, plan.names, folder, html, markdown), **(more or {})}
    console.out(json.dumps(summary, indent=2) if options.as_json else str(html))
    if batch.interrupted:
        say("interrupted; finished cells are kept, and the same command continues")
    if batch.interrupted or interruption.received():
        raise typer.Exit(interruption.exit_code())
    if batch.failed:
        say(f"{len(batch.failed)} of {len(batch.results)} cells failed; the others are in the report")
        raise typer.Exit(exit_codes.FAILED)


def reported(plan: Plan, batch: Batch, folder: Path) -> tuple[Path, Path]:
    """Write the report and return the paths of its two pages.

    Raises:
        JobError: it cannot be written.
    """
    from nst_cli.report import Report, arrange, write_report
    from nst_core.diagnostics import machine

    command, sheets = shlex.join(["nst", *sys.argv[1:]]), arrange(plan.sheets, batch.results)
    report = Report(plan.title, command, sheets, machine(), plan.compared)
    try:
        return write_report(report, folder)
    except OSError as error:
        raise JobError(f"the report could not be written to '{folder}': {error}") from None


def _remark(job: Job, session: Session) -> str:
    """Return what the user should know about the network that a job leaves open; a pinned one names it."""
    return session.cache.extractor(session.registry, job.extractor).remark()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cells").mkdir(exist_ok=True)
    except OSError as error:
        raise JobError(f"the folder '{folder}' cannot be created or written to: {error}") from None


def _summary(batch: Batch, names: Sequence[str], folder: Path, html: Path, markdown: Path) -> dict[str, Any]:
    return {
        "report": str(html),
        "markdown": str(markdown),
        "interrupted": batch.interrupted,
        "cells": [
            {
                "name": name,
                "status": result.status,
                "error": result.error,
                "key": result.key,
                "picture": str(folder / name) if result.picture else None,
                "cell": str(result.folder) if result.folder else None,
                **{name: result.record.get(name) for name in ("total", "losses", "seconds", "evaluations", "metrics")},
                "job": result.record.get("job", result.job.to_dict()),
            }
            for name, result in zip(names, batch.results, strict=True)
        ],
    }
