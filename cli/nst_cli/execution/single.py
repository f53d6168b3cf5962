"""Carrying one job out for a command: checks, progress, picture, report on what happened."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nst_cli import console
from nst_core.engine.destination import Destination
from nst_core.errors import ImageError, JobError
from nst_core.job.schema import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from nst_cli.options.resources import KeptIn, Means
    from nst_core import Observer, Result, Step

__all__ = ["carry_out"]


def carry_out(
    job: Job,
    output: Path | None,
    *,
    numbered: bool = False,
    bits: int = 8,
    preview_every: int = 0,
    as_json: bool = False,
    quiet: bool = False,
    recipe_file: Path | None = None,
    suffix: str = "",
    means: Means | None = None,
    kept: KeptIn | None = None,
) -> Result:
    """Run a job, write its picture and print the path, or everything as JSON.

    Args:
        job: what to do.
        output: the picture; by default named after the images and ``suffix``.
        numbered: whether ``output`` is such a name too. The picture never takes the place of another file then, not
            even of one that is made in the meantime: it gets a number.
        bits: 8 or 16.
        preview_every: save a preview every so many steps; 0 for none.
        as_json: print one JSON object instead of the path.
        quiet: say nothing on standard error.
        recipe_file: where to write the recipe too.
        suffix: of a default name.
        means: tiles and memory.
        kept: where the run is kept.

    Raises:
        NstError: the output cannot be written, checked before the work, or the job cannot be done.
    """
    from nst_cli.execution.progress import progress
    from nst_cli.options.recipes import write_recipe
    from nst_cli.options.resources import Means
    from nst_core.engine.run import run
    from nst_core.images import check_output

    say = (lambda _: None) if quiet else console.say
    numbered = numbered or output is None
    target = output or _free_name(job, suffix)
    check_output(target, bits=bits)
    _check_no_input(target, job)
    if kept is not None and kept.path.resolve() == target.resolve():
        raise JobError(f"the result and the checkpoint cannot both be '{target}'; choose another --checkpoint or -o")
    observers: list[Observer] = [_previews(target, preview_every, say)] if preview_every else []
    means = means or Means()
    checkpoint = kept.checkpoint(_destination(target, numbered, bits, recipe_file), say) if kept else None
    with nullcontext(None) if quiet else progress() as bar:
        result = run(
            job,
            observers=observers + ([bar] if bar else []),
            tile=means.tile,
            memory_limit=means.memory_limit,
            checkpoint=checkpoint,
        )
    if numbered:
        target = _claimed(target, job, suffix)
    _save(result, target, bits, claimed=numbered)
    if checkpoint and result.stopped != "interrupted":
        checkpoint.finished()
    if recipe_file is not None:
        write_recipe(result, recipe_file)
    for remark in result.remarks:
        say(f"note: {remark}")
    if result.stopped != "finished":
        say(f"{result.stopped} after {result.evaluations} evaluations; this is the best image so far")
    if checkpoint and result.stopped == "interrupted":
        say(f"to go on: nst resume {checkpoint.path}")
    console.out(json.dumps({"output": str(target), **result.figures()}, indent=2) if as_json else str(target))
    return result


def _free_name(job: Job, suffix: str, folder: Path = Path()) -> Path:
    stems = [Path(ref.path.replace(":", "-")).stem for ref in (job.content, job.style) if ref and ref.path]
    stem = ("-".join(stems) or "pastiche") + suffix
    target, number = folder / f"{stem}.png", 2
    while target.exists():
        target, number = folder / f"{stem}-{number}.png", number + 1
    return target


def _claimed(target: Path, job: Job, suffix: str) -> Path:
    """Make an empty file, which the picture takes the place of; under the next free name where another was quicker."""
    while True:
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            target = _free_name(job, suffix, target.parent)
        except OSError:  # saving will say what is wrong
            return target
        else:
            return target


def _destination(target: Path, numbered: bool, bits: int, recipe: Path | None) -> Destination:
    """Say where the result goes, so that a later process finds it from any folder."""
    return Destination(
        str(target.absolute()), numbered, bits, str(recipe.absolute()) if recipe else "", folder=str(Path.cwd())
    )


def _check_no_input(target: Path, job: Job) -> None:
    for role, reference in (("content", job.content), ("style", job.style)):
        if reference and reference.path and target.exists() and target.resolve() == Path(reference.path).resolve():
            raise JobError(f"the result would overwrite the {role} image '{reference.path}'; choose another -o")


def _previews(target: Path, every: int, say: Callable[[str], None]) -> Observer:
    from nst_core.images import save_image

    def watch(step: Step) -> None:
        if step.number % every == 0:
            try:
                save_image(step.image, target.with_name(f"{target.stem}-step{step.number:05d}{target.suffix}"))
            except ImageError as error:  # a preview is not worth the run
                say(f"no preview of step {step.number}: {error}")

    return watch


def _save(result: Result, target: Path, bits: int, *, claimed: bool) -> None:
    """Write the result; where that fails now, put it where temporary files go rather than lose it."""
    try:
        result.save(target, bits=bits)
    except ImageError as error:
        import tempfile

        if claimed:
            with suppress(OSError):
                target.unlink()
        rescued = Path(tempfile.mkdtemp(prefix="nst-")) / f"{target.stem}.png"
        result.save(rescued)
        raise ImageError(f"{error}. The result is not lost: it is in '{rescued}'") from error
