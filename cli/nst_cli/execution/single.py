"""Carrying one job out for a command: checks, progress, picture, report on what happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nst_cli import console, interruption
from nst_cli.options.groups import CheckpointOptions, OutputOptions, ReportOptions, ResourceOptions
from nst_core.engine.destination import Destination, Metadata
from nst_core.errors import ImageError, JobError
from nst_core.files import fitting, is_folder
from nst_core.job.named_files import NamedFile, named_files
from nst_core.job.schema import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_core import Observer, Result, Run, Session

__all__ = ["Delivery", "Measurement", "carry_out", "check_no_input", "claimed", "free_name", "free_path"]

Measurement = Callable[[Path], Mapping[str, float]]
"""Makes figures by name of a picture that was written."""


@dataclass(frozen=True)
class Delivery:
    """Which files are left of a run.

    Attributes:
        output: the picture; ``None`` names it after the images and ``suffix``.
        numbered: whether ``output`` is such a name too. The picture never takes the place of another file then, not
            even of one that is made in the meantime: it gets a number.
        bits: per channel of the picture, 8 or 16.
        metadata: what the picture holds of the recipe.
        recipe: where the recipe is written too, ``None`` for nowhere.
        suffix: of a default name.
        frames: folder for the frames of a timelapse, ``None`` for none.
        frames_every: steps from one frame to the next.
    """

    output: Path | None = None
    numbered: bool = False
    bits: int = 8
    metadata: Metadata = "names"
    recipe: Path | None = None
    suffix: str = ""
    frames: Path | None = None
    frames_every: int = 1

    @classmethod
    def chosen(cls, output: OutputOptions, *, recipe: Path | None = None, suffix: str = "") -> Delivery:
        """Return what options say.

        Raises:
            JobError: the frames make no sense.
        """
        return cls(
            output.output,
            bits=output.bits,
            metadata=output.metadata,
            recipe=recipe,
            suffix=suffix,
            frames=output.frames,
            frames_every=output.frame_interval,
        )


def carry_out(
    job: Job,
    session: Session,
    delivery: Delivery,
    report: ReportOptions,
    resources: ResourceOptions,
    checkpoint: CheckpointOptions | None = None,
    measure: Measurement | None = None,
) -> None:
    """Run a job, write its picture and print the path, or everything as JSON.

    Args:
        job: the job.
        session: that it is run in.
        delivery: which files are left.
        report: what is printed.
        resources: what the run may use.
        checkpoint: where the run is saved.
        measure: figures of the written picture, which are printed, too.

    Raises:
        NstError: the output cannot be written, checked before the work, or the job cannot be done.
        typer.Exit: 128 and the number of the signal that interrupted it, 130 after Ctrl-C.
    """
    from nst_cli.execution.frames import FrameWriter, check_frames
    from nst_cli.options.images import check_no_folder_in
    from nst_core.images import check_output, holds_alpha

    check_no_folder_in(job, session.registry)
    say, bits = report.say, delivery.bits
    numbered = delivery.numbered or delivery.output is None
    target = delivery.output or free_name(job, delivery.suffix)
    if is_folder(target):
        raise JobError(f"'{target}' is a folder; name the file, too: -o {free_name(job, delivery.suffix, target)}")
    check_output(target, bits=bits)
    path = checkpoint.checkpoint if checkpoint else None
    if path is not None and path.resolve() == target.resolve():
        raise JobError(f"the result and the checkpoint cannot both be '{target}'; choose another --checkpoint or -o")
    opened = checkpoint.open(_destination(target, numbered, delivery), say) if checkpoint else None
    outputs = [("result", target)] + ([("recipe", delivery.recipe)] if delivery.recipe else [])
    outputs += [("checkpoint", kept) for kept in ((opened.path, opened.previous, opened.partial) if opened else ())]
    check_no_input(outputs, named_files(job, session.registry.file_parameters))
    if delivery.frames is not None:
        saved = opened is not None and opened.exists
        check_frames(delivery.frames, continued=saved)
    limits = resources.resources()
    with opened.claimed() if opened else nullcontext():  # longer than the run: until its result is saved
        run = session.run(job, resources=limits, checkpoint=opened)
        frames = FrameWriter(delivery.frames, delivery.frames_every, run, say) if delivery.frames else None
        result = _exhausted(run, [frames] if frames else [], report)
        if numbered:
            target = claimed(target, job, delivery.suffix)
        _save(result, target, delivery, claimed=numbered)
        if frames:
            frames.finish(result)
        if opened and result.stopped != "cancelled":
            opened.finished()
    if delivery.recipe is not None:
        result.save_recipe(delivery.recipe)
    for remark in result.remarks:
        say(f"note: {remark}")
    if result.alpha is not None and not holds_alpha(target):
        say("note: JPEG has no transparency, so the picture is white there; write .png, .webp or .tif to keep it")
    if result.stopped != "finished":
        say(f"{result.stopped} after {result.evaluations} evaluations; this is the best image so far")
    if opened and opened.exists and result.stopped == "cancelled":
        say(f"to continue: nst resume {opened.path}")
    measured = measure(target) if measure else {}
    done = {"output": str(target), **result.figures(), **measured}
    console.out(json.dumps(done, indent=2) if report.as_json else str(target))
    if measured and not report.as_json and not report.quiet:
        for name, value in measured.items():
            console.out(f"{name:8} {value:.4f}")
    if result.stopped == "cancelled" or interruption.received():
        raise typer.Exit(interruption.exit_code())


def _exhausted(run: Run, observers: list[Observer], report: ReportOptions) -> Result:
    """Make all steps of a run; from its end on, whatever ended it, no signal costs the result."""
    from nst_cli.execution.progress import progress

    try:
        with nullcontext(None) if report.quiet else progress() as bar:
            result = run.exhaust(observers + ([bar] if bar else []))
        interruption.hold()
    except KeyboardInterrupt:  # at its very end, or once more while it ended
        interruption.hold()
        if run.best is None:
            raise
        result = run.result()
    return result


def free_name(job: Job, suffix: str, folder: Path = Path()) -> Path:
    """Return a name for the picture of a job, after its images, that no file has."""
    sources = ([job.content] if job.content else []) + list(job.styles)
    stems = [Path(source.path.replace(":", "-")).stem for source in sources if source.path]
    return free_path(folder, "-".join(stems) or "pastiche", suffix, ".png")


def free_path(folder: Path, stem: str, suffix: str, ending: str) -> Path:
    """Return the path ``STEM SUFFIX ENDING`` in a folder, numbered before the ending where there is such a file."""
    target, number = fitting(folder, stem, f"{suffix}{ending}"), 2
    while target.exists():
        target, number = fitting(folder, stem, f"{suffix}-{number}{ending}"), number + 1
    return target


def claimed(target: Path, job: Job, suffix: str) -> Path:
    """Make an empty file, which the picture takes the place of; under the next free name where another was quicker."""
    while True:
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            target = free_name(job, suffix, target.parent)
        except OSError:  # saving will say what is wrong
            return target
        else:
            return target


def _destination(target: Path, numbered: bool, delivery: Delivery) -> Destination:
    """Say where the result goes, so that a later process finds it from any folder."""
    return Destination(
        str(target.absolute()),
        numbered,
        delivery.bits,
        str(delivery.recipe.absolute()) if delivery.recipe else "",
        folder=str(Path.cwd()),
        metadata=delivery.metadata,
        frames=str(delivery.frames.absolute()) if delivery.frames else "",
        frames_every=delivery.frames_every,
    )


def check_no_input(outputs: Sequence[tuple[str, Path]], inputs: Sequence[NamedFile]) -> None:
    """Refuse to write over a file of the job, by whatever name or link it goes."""
    for what, output in outputs:
        for file in inputs:
            with suppress(OSError):  # one of them does not exist
                if output.samefile(file.path):
                    raise JobError(
                        f"the {what} would overwrite the {file.role} '{file.path}'; choose another name for the {what}"
                    )


def _save(result: Result, target: Path, delivery: Delivery, *, claimed: bool) -> None:
    """Write the result; where that fails now, put it somewhere else rather than lose it."""
    try:
        result.save(target, bits=delivery.bits, metadata=delivery.metadata)
    except ImageError as error:
        if claimed:
            with suppress(OSError):
                target.unlink()
        rescued = _rescued(result, delivery)
        if rescued is None:
            raise ImageError(f"{error}. Nor could the result be saved in any other folder") from error
        raise ImageError(f"{error}. The result was saved to '{rescued}'") from error


def _rescued(result: Result, delivery: Delivery) -> Path | None:
    """Write the result into a new folder where temporary files go, else at home, else here; ``None`` if none will do.

    Its name is not that of the picture, which may be what was wrong.
    """
    import tempfile

    for place in (tempfile.gettempdir, Path.home, Path.cwd):
        try:
            folder = Path(tempfile.mkdtemp(prefix="nst-", dir=place()))
        except (OSError, RuntimeError):  # nowhere to put temporary files, no home
            continue
        try:
            result.save(folder / "pastiche.png", bits=delivery.bits, metadata=delivery.metadata)
        except ImageError:
            folder.rmdir()
            continue
        return folder / "pastiche.png"
    return None
