"""Carrying many jobs out for a command: estimate, progress, report, exit code."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nst_cli import console, interruption
from nst_cli.options.groups import ReportOptions, ThreadOptions
from nst_core.errors import JobError
from nst_core.files import Lock

if TYPE_CHECKING:
    from nst_core import Job, Session
    from nst_core.experiments.batch import Batch
    from nst_core.experiments.layout import Sheet

__all__ = ["carry_out_all"]


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
    busy = f"another nst is writing to '{folder}'; wait for it to end, or choose another folder"
    with threads.limited():
        _make(folder)
        with Lock(folder / ".lock").held(JobError(busy)):
            _carry_out(title, sheets, session, folder, report)


def _carry_out(title: str, sheets: Sequence[Sheet], session: Session, folder: Path, options: ReportOptions) -> None:
    from nst_cli.execution.batch_progress import batch_progress, minutes
    from nst_cli.report import Report, arrange, write_report
    from nst_core.diagnostics import machine
    from nst_core.experiments.batch import Batch, estimate, prepare, run_batch

    say = options.say
    jobs = [cell.job for sheet in sheets for cell in sheet.cells]
    prepared = prepare(jobs, folder, session)
    labels = [" ".join(filter(None, (s.title + ":", c.row, c.column))) for s in sheets for c in s.cells]
    for result, label in zip(prepared, labels, strict=True):
        if result.status == "failed":
            say(f"{label}: {result.error}")
    for remark in dict.fromkeys(_remark(j, session) for j, r in zip(jobs, prepared, strict=True) if r.key):
        if remark:
            say(f"note: {remark}")
    missing = len({result.key for result in prepared if result.status == "missing"})
    cached = len({result.key for result in prepared if result.status == "cached"})
    say(f"{missing + cached} different cells, {cached} already finished")
    if missing:
        say(f"the others will take about {minutes(estimate(prepared, session))}")
    try:
        with batch_progress(labels, missing, options.quiet) as watcher:
            batch = run_batch(prepared, folder, session, watcher)
        interruption.hold()
    except KeyboardInterrupt:  # between two cells, or once more
        interruption.hold()
        batch = Batch(tuple(prepare(jobs, folder, session)), interrupted=True)
    report = Report(title, shlex.join(["nst", *sys.argv[1:]]), arrange(sheets, batch.results), machine())
    try:
        html, markdown = write_report(report, folder)
    except OSError as error:
        raise JobError(f"the report could not be written to '{folder}': {error}") from None
    for result, label in zip(batch.results, labels, strict=True):
        for remark in result.record.get("remarks", []) if result.status == "done" else []:
            say(f"note: {label}: {remark}")
    console.out(json.dumps(_summary(batch, labels, html, markdown), indent=2) if options.as_json else str(html))
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
