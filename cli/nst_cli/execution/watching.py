"""``nst batch --watch``: rounds of a batch, one whenever there are new images."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nst_cli import interruption
from nst_cli.execution.many import Plan, claimed, computed, conclude, reported
from nst_cli.options.groups import ReportOptions, WorkOptions
from nst_core.errors import NstError
from nst_core.experiments.inputs import NoImagesError
from nst_core.job.named_files import named_files

if TYPE_CHECKING:
    from nst_cli.options.jobs import BatchJobs
    from nst_core import Job, Session
    from nst_core.experiments.batch import JobOutcome

__all__ = ["carry_out_watching"]

EVERY = 2.0
"""Seconds between two looks at the folders."""

State = tuple[tuple[str, int, int], ...]
"""Path, time of modification and size of every file that jobs name."""


def carry_out_watching(
    find: Callable[[], BatchJobs], session: Session, folder: Path, report: ReportOptions, work: WorkOptions
) -> None:
    """Make what is missing now, and whenever files have come or changed, until Ctrl-C.

    A file that is still being written is left for later: nothing begins before two looks have found the same. What
    failed is tried again when one of its files has changed.

    Args:
        find: returns the jobs that there are now.
        session: that jobs are planned in.
        folder: for pictures, cells, table and report, made where it is missing.
        report: what is printed.
        work: where jobs are computed, and with how many threads.

    Raises:
        NstError: there is something wrong with the command, at the first look.
        typer.Exit: 128 and the number of the signal that ended it, 130 for Ctrl-C.
    """
    failures: dict[str, JobOutcome] = {}
    told: set[str] = set()
    with work.opened(session.registry) as executor, claimed(folder, work):
        found, seen = _first(find, report)
        while True:
            plan = Plan("Batch", found.sheets, found.names, compared=False)
            for text in found.skipped:
                if text not in told:
                    report.say(f"skipped: {text}")
                told.add(text)
            batch, index = computed(plan, session, folder, report, work, executor, failures)
            failures |= {result.key: result for result in batch.failed if result.key}
            try:
                if batch.interrupted:
                    raise KeyboardInterrupt
                reported(plan, batch, folder)
                interruption.release()
                report.say("waiting for new images; Ctrl-C ends")
                found, seen = _changed(find, seen, report)
            except KeyboardInterrupt:
                interruption.hold()
                more = {"index": str(index), "skipped": [*found.skipped]}
                conclude(plan, replace(batch, interrupted=True), folder, report, more)


def _first(find: Callable[[], BatchJobs], report: ReportOptions) -> tuple[BatchJobs, State]:
    """Return the jobs that there are, as soon as there are some."""
    try:
        found = find()
    except NoImagesError as error:
        report.say(f"{error}; waiting for the first")
        return _changed(find, (), report)
    return _changed(find, (), report, _state(found))


def _changed(
    find: Callable[[], BatchJobs], seen: State, report: ReportOptions, looked: State | None = None
) -> tuple[BatchJobs, State]:
    """Wait until there are other files than ``seen``, and two looks, the first ``looked``, have found the same ones."""
    before, complaint = seen if looked is None else looked, ""
    while True:
        time.sleep(EVERY)
        try:
            found = find()
        except NstError as error:  # all images are gone, or the list of jobs is being written
            if str(error) != complaint:
                report.say(str(error))
            complaint = str(error)
            continue
        now = _state(found)
        if now == before and now != seen:
            return found, now
        before = now


def _state(found: BatchJobs) -> State:
    jobs: list[Job] = [cell.job for sheet in found.sheets for cell in sheet.cells]
    paths = dict.fromkeys(file.path for job in jobs for file in named_files(job) if file.is_path)
    return tuple((path, *_stat(path)) for path in paths)


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - one call, for thousands of files
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
