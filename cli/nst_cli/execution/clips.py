"""Painting clips for a command: progress, what is printed, exit code."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nst_cli import console, exit_codes, interruption
from nst_cli.execution.batch_progress import minutes
from nst_cli.options.clip_orders import ChosenOrders
from nst_cli.options.clips import ClipResourceOptions
from nst_cli.options.groups import ReportOptions, ResourceOptions
from nst_core.errors import CancelledError, JobError, NstError

if TYPE_CHECKING:
    from nst_core import Session
    from nst_core.components import Progress
    from nst_core.video.order import ClipOrder
    from nst_core.video.production import ClipResult, Watch
    from nst_core.video.store import FrameRecord, FrameStore

__all__ = ["carry_out_clip", "carry_out_clips", "show_clip_plan"]


def show_clip_plan(chosen: ChosenOrders, session: Session, report: ReportOptions, work: ClipResourceOptions) -> None:
    """Print what would be painted, with how much memory and time; exit with code 1 if a clip cannot be painted."""
    from nst_core.runtime.memory import format_memory

    found: list[dict[str, Any]] = []
    failed = dict(chosen.failed)
    for order in chosen.orders:
        try:
            there = Path(order.output).parent.is_dir()
            plan = _planned(order if there else replace(order, output=Path(order.output).name), session, work)
            found.append({**plan, "output": order.output})
        except NstError as error:
            if not chosen.several:
                raise
            failed[order.clip] = str(error)
    if report.as_json:
        errors = [{"clip": clip, "error": error} for clip, error in failed.items()]
        console.out(json.dumps([*found, *errors] if chosen.several else found[0], indent=2))
    else:
        for plan in found:
            console.out(
                f"{plan['output']}  {plan['frames'] or '?'} frames of {plan['width']}×{plan['height']}  "
                f"first {minutes(plan['first_seconds'])}, then {plan['frame_seconds']:.1f} s each  "
                f"about {minutes(plan['seconds'])}  {format_memory(plan['bytes'])}"
            )
        _say_failed(failed)
    if failed:
        raise typer.Exit(exit_codes.FAILED)


def _say_failed(failed: Mapping[str, str]) -> None:
    for clip, error in failed.items():
        console.say(f"{clip} FAILED: {error}")


def _planned(order: ClipOrder, session: Session, work: ClipResourceOptions) -> dict[str, Any]:
    from nst_core.video.order import without_moving_masks
    from nst_core.video.painting import as_tensor, first_job, following_job
    from nst_core.video.production import check_order

    source = check_order(order, session)
    frame = as_tensor(source.first().pixels)
    job = without_moving_masks(order.job)
    first = session.plan(first_job(job, session.registry), content=frame, resources=work.resources())
    later_job = following_job(job, session.registry, steps=order.steps)
    later = session.plan(later_job, content=frame, resources=work.resources())
    each = first.seconds if order.consistency == 0 else later.seconds
    height, width = source.info.size
    frames = source.info.frames
    return {
        "output": order.output,
        "frames": frames,
        "width": width,
        "height": height,
        "first_seconds": first.seconds,
        "frame_seconds": each,
        "seconds": first.seconds + max(0, frames - 1) * each,
        "bytes": max(first.bytes, later.bytes),
    }


def carry_out_clip(
    order: ClipOrder,
    session: Session,
    report: ReportOptions,
    work: ResourceOptions,
    store: FrameStore | None = None,
) -> None:
    """Paint a clip, whose frames may be somewhere already, and print the path of the result, or everything as JSON.

    Raises:
        NstError: something is wrong; what is finished is kept.
        typer.Exit: 128 and the number of the signal that interrupted it.
    """
    from nst_core.video.production import paint_clip
    from nst_core.video.store import FrameStore

    store = store or FrameStore.of(order)
    try:
        with _progress(report.quiet) as watch:
            result = paint_clip(order, session, resources=work.resources(), store=store, watch=watch)
    except (CancelledError, KeyboardInterrupt):
        done = len(store.records()) if store.exists else 0
        if not done:
            raise KeyboardInterrupt from None
        report.say(f"interrupted; {done} frames are finished")
        report.say(f"to continue: nst resume {shlex.quote(str(store.folder))}")
        raise typer.Exit(interruption.exit_code()) from None
    for remark in result.remarks:
        report.say(f"note: {remark}")
    console.out(json.dumps(_figures(result), indent=2) if report.as_json else str(result.output))


def _figures(result: ClipResult) -> dict[str, Any]:
    records = result.records
    following = [record.evaluations for record in records if record.kind == "next"]
    return {
        "output": str(result.output),
        "frames": len(records),
        "width": result.size[1],
        "height": result.size[0],
        "cuts": [record.number for record in records if record.kind == "cut"],
        "repeated": result.count("same"),
        "seconds": result.seconds,
        "evaluations": sum(record.evaluations for record in records),
        "evaluations_a_frame": max(following, default=0),
        "remarks": list(result.remarks),
    }


def carry_out_clips(chosen: ChosenOrders, session: Session, report: ReportOptions, work: ClipResourceOptions) -> None:
    """Paint clips, none stopped by another, and print the paths of the results, or everything as JSON.

    Raises:
        NstError: there is nobody to do the work.
        typer.Exit: 1 if one failed; 128 and the number of the signal that interrupted it.
    """
    from nst_core.video.batch import paint_clips

    failed, stopped = bool(chosen.failed), False
    found: list[dict[str, Any]] = [{"clip": clip, "error": error} for clip, error in chosen.failed.items()]
    _say_failed(chosen.failed)
    missing = []
    for order in chosen.orders:
        if Path(order.output).is_file():
            report.say(f"{order.output} is there already")
            found.append({"clip": order.clip, "output": order.output, "error": ""})
        else:
            missing.append(order)
    _make_folders(missing)
    try:
        with work.opened(session.registry) as executor, _clip_progress(missing, report.quiet) as progress:
            for number, finished in paint_clips(
                missing, session, executor, resources=work.resources(), progress=progress
            ):
                order = missing[number]
                failed, stopped = failed or bool(finished.error), stopped or finished.stopped
                found.append({"clip": order.clip, "output": order.output, "error": finished.error, **finished.record})
                for remark in finished.record.get("remarks", ()):
                    report.say(f"note: {order.clip}: {remark}")
                if finished.error:
                    _say_failed({order.clip: finished.error})
                elif not finished.stopped and not report.as_json:
                    console.out(order.output)
    except KeyboardInterrupt:
        stopped = True
    if report.as_json:
        console.out(json.dumps(found, indent=2))
    if stopped or interruption.received():
        report.say("interrupted; finished frames are kept, and the same command continues")
        raise typer.Exit(interruption.exit_code())
    if failed:
        raise typer.Exit(exit_codes.FAILED)


def _make_folders(orders: Sequence[ClipOrder]) -> None:
    for folder in dict.fromkeys(Path(order.output).parent for order in orders):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JobError(f"the folder '{folder}' cannot be made: {error}; choose another one with -o") from error


@contextmanager
def _progress(quiet: bool) -> Iterator[Watch]:
    """Show frames, frames a minute and the time left: a bar on a terminal, a line now and then elsewhere."""
    from rich.console import Console

    terminal = Console(stderr=True)
    clock = _Clock()
    if quiet:
        yield lambda record, frames: None  # noqa: ARG005
    elif not terminal.is_terminal:
        yield clock.line
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("frames  {task.fields[text]}", markup=False))
        with Progress(*columns, console=terminal, transient=True) as bar:
            task = bar.add_task("", total=None, text="the first frame takes longest")

            def watch(record: FrameRecord, frames: int) -> None:
                bar.update(task, total=frames or None, completed=record.number, text=clock.text(record, frames))

            yield watch


class _Clock:
    """Speed and time left from the frames painted so far; the first one, which takes longest, does not count."""

    def __init__(self) -> None:
        self._first = 0
        self._began = self._said = time.monotonic()

    def text(self, record: FrameRecord, frames: int) -> str:
        now = time.monotonic()
        if not self._first:
            self._first, self._began = record.number, now
            return ""
        each = (now - self._began) / (record.number - self._first)
        speed = f"{60 / max(each, 1e-6):.3g} frames a minute"
        left = f", about {minutes(each * (frames - record.number))} left" if frames > record.number else ""
        return f"{speed}{left}"

    def line(self, record: FrameRecord, frames: int) -> None:
        text = self.text(record, frames)
        now = time.monotonic()
        if record.number in (1, frames) or now - self._said >= 10:
            self._said = now
            console.say(f"frame {record.number}{f'/{frames}' if frames else ''}  {record.kind}  {text}".rstrip())


@contextmanager
def _clip_progress(orders: Sequence[ClipOrder], quiet: bool) -> Iterator[Any]:
    """Say how far every clip is, at most every ten seconds."""
    said = [0.0] * len(orders)

    def watch(number: int, update: Progress) -> None:
        now = time.monotonic()
        if not quiet and now - said[number] >= 10:
            said[number] = now
            total = f"/{update.steps}" if update.steps else ""
            console.say(f"{orders[number].clip}  frame {update.number}{total}")

    yield watch
