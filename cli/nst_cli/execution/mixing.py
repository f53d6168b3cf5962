"""``--onto``: the style image is made first, from the fine strokes of one painting and the forms of another."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nst_cli import interruption
from nst_cli.execution.progress import progress
from nst_cli.execution.single import Delivery, check_no_input, free_name
from nst_cli.options.groups import ReportOptions, ResourceOptions
from nst_core.errors import ImageError, JobError, NstError
from nst_core.job.named_files import named_files
from nst_core.job.schema import Job, Source

if TYPE_CHECKING:
    from nst_core import Session

__all__ = ["planned_onto", "with_mixed_style"]


def planned_onto(job: Job, coarse: str) -> Job:
    """Return a job with a style image of the shape that the mixed one would have, for an estimate."""
    return replace(job, styles=(replace(_only_style(job), path=coarse, sha256=""),))


def with_mixed_style(
    job: Job, coarse: str, session: Session, delivery: Delivery, report: ReportOptions, resources: ResourceOptions
) -> tuple[Job, Delivery]:
    """Make the mixed style image beside the picture, as PICTURE-style.png, unless it is there from an earlier run.

    Args:
        job: whose only style image has the fine strokes.
        coarse: painting whose forms are kept.
        session: that it is made in.
        delivery: which files are left of the job.
        report: what is printed.
        resources: what the run may use.

    Returns:
        The job with the mixed style image, and the delivery with the name of the picture.

    Raises:
        JobError: there is not one style image, or another file would be overwritten.
        NstError: the style image cannot be made or written.
        typer.Exit: it was interrupted.
    """
    from nst_core.images import check_output
    from nst_core.mixing import mix_job

    style = _only_style(job)
    target = delivery.output or free_name(job, delivery.suffix)
    place = target.with_name(f"{target.stem}-style.png")
    _, size = session.schedule(job)
    longest = max(1, round(style.scale * max(size)))
    made = mix_job(style.path, coarse, session=session, base=job, size=longest)
    if not _is_there(place, made, session):
        check_output(place, longest=longest)
        inputs = [file for each in (job, made) for file in named_files(each, session.registry.file_parameters)]
        check_no_input([("mixed style image", place)], inputs)
        report.say(f"first the style image: strokes of '{style.path}' on the forms of '{coarse}', in '{place}'")
        run = session.run(made, resources=resources.resources())
        with nullcontext(None) if report.quiet else progress() as bar:
            result = run.exhaust([bar] if bar else [])
        if result.stopped == "cancelled" or interruption.received():
            raise typer.Exit(interruption.exit_code())
        result.save(place, metadata=delivery.metadata)
    mixed = replace(style, path=str(place), sha256="")
    return replace(job, styles=(mixed,)), replace(delivery, output=target, numbered=delivery.output is None)


def _only_style(job: Job) -> Source:
    if len(job.styles) != 1 or not job.styles[0].path:
        raise JobError(f"--onto needs one style image, whose strokes are put onto it, but there are {len(job.styles)}")
    return job.styles[0]


def _is_there(place: Path, made: Job, session: Session) -> bool:
    """Say whether a file is the result of a job: an earlier run with the same options made it.

    Raises:
        JobError: it is something else than a picture of nst.
    """
    from nst_core import read_recipe

    if not place.exists():
        return False
    try:
        found = Job.from_toml(read_recipe(place))
    except ImageError:
        raise JobError(
            f"the mixed style image would overwrite '{place}'; choose another name for the picture with -o"
        ) from None
    except NstError:
        return False
    return session.key(found) == session.key(session.pin(made))
