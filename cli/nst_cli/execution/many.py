"""Carrying many jobs out for a command: estimate, progress, report, exit code."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from filelock import FileLock, Timeout

from nst_cli import console
from nst_core.errors import JobError

if TYPE_CHECKING:
    from nst_core.experiments.batch import Batch
    from nst_core.experiments.layout import Sheet

__all__ = ["carry_out_all"]


def carry_out_all(title: str, sheets: Sequence[Sheet], folder: Path, *, as_json: bool, quiet: bool) -> None:
    """Make what is missing of all cells, write the report and print its path, or everything as JSON.

    Args:
        title: of the report.
        sheets: what to make.
        folder: of cells and report, made where it is missing.
        as_json: print one JSON object instead of the path.
        quiet: say nothing on standard error.

    Raises:
        JobError: the folder cannot be written to, or another process does so.
        typer.Exit: 1 where a cell failed, 130 after Ctrl-C.
    """
    _make(folder)
    try:
        with FileLock(folder / ".lock", blocking=False):
            _carry_out(title, sheets, folder, as_json=as_json, quiet=quiet)
    except Timeout:
        raise JobError(f"another nst is at work in '{folder}'; wait for its end, or name another folder") from None


def _carry_out(title: str, sheets: Sequence[Sheet], folder: Path, *, as_json: bool, quiet: bool) -> None:
    from nst_cli.execution.batch_progress import cell_progress, minutes
    from nst_cli.report import Report, arrange, write_report
    from nst_core.diagnostics import machine
    from nst_core.experiments.batch import estimate, prepare, run_batch
    from nst_core.plugins.discovery import default_registry
    from nst_core.runtime.cache import Shared

    say = (lambda _: None) if quiet else console.say
    registry, shared = default_registry(), Shared()
    prepared = prepare([cell.job for sheet in sheets for cell in sheet.cells], folder, registry, shared)
    labels = [" ".join(filter(None, (s.title + ":", c.row, c.column))) for s in sheets for c in s.cells]
    for result, label in zip(prepared, labels, strict=True):
        if result.status == "failed":
            say(f"{label}: {result.error}")
    missing = len({result.key for result in prepared if result.status == "missing"})
    kept = len({result.key for result in prepared if result.status == "kept"})
    say(f"{missing + kept} different cells, {kept} of them finished before")
    if missing:
        say(f"the others will take about {minutes(estimate(prepared, registry, shared))}")
    with cell_progress(labels, missing, quiet) as watcher:
        batch = run_batch(prepared, folder, registry, shared, watcher)
    report = Report(title, shlex.join(["nst", *sys.argv[1:]]), arrange(sheets, batch.results), machine())
    try:
        html, markdown = write_report(report, folder)
    except OSError as error:
        raise JobError(f"the report could not be written to '{folder}': {error}") from None
    for result, label in zip(batch.results, labels, strict=True):
        for remark in result.record.get("remarks", []) if result.status == "done" else []:
            say(f"note: {label}: {remark}")
    console.out(json.dumps(_summary(batch, labels, html, markdown), indent=2) if as_json else str(html))
    if batch.interrupted:
        say("interrupted; the finished cells are kept, and the same command goes on")
        raise typer.Exit(130)
    if batch.failed:
        say(f"{len(batch.failed)} of {len(batch.results)} cells failed; the others are in the report")
        raise typer.Exit(1)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cells").mkdir(exist_ok=True)
    except OSError as error:
        raise JobError(f"the folder '{folder}' cannot be made or written to: {error}") from None


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
                "picture": str(result.folder / "image.png") if result.finished and result.folder else None,
                **{name: result.record.get(name) for name in ("total", "losses", "seconds", "evaluations", "metrics")},
                "job": result.record.get("job", result.job.to_dict()),
            }
            for label, result in zip(labels, batch.results, strict=True)
        ],
    }
