"""``nst resume``: continue a run that was saved."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.groups import OUTPUT, CheckpointEvery, CheckpointOptions, ReportOptions, ResourceOptions
from nst_core.errors import CheckpointError, JobError, NstError
from nst_core.files import is_folder
from nst_core.job.named_files import with_file_names
from nst_core.job.schema import Job

__all__ = ["resume"]


def resume(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Checkpoint of nst run --checkpoint FILE, or folder of frames of nst video."
        ),
    ],
    resources: ResourceOptions,
    report: ReportOptions,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write.",
            show_default="where the run would have written",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option(
            help="Bits per channel: 8, or 16 for PNG and TIFF.",
            show_default="those of the run",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    checkpoint_every: CheckpointEvery = "30s",
) -> None:
    """Continue a run that was interrupted; the picture is the same as without the interruption.

    Examples:

    nst resume photo.ckpt

    nst resume walk-painting.frames
    """
    if is_folder(checkpoint):
        _resume_clip(checkpoint, resources, report, output)
        return
    from nst_cli.execution.single import Delivery, carry_out
    from nst_cli.options.recipes import check_recipe_target
    from nst_core import Checkpoint, Session

    saved = Checkpoint(checkpoint).read()
    if saved is None:
        raise CheckpointError(
            f"checkpoint '{checkpoint}' does not exist; create it first, with 'nst run --checkpoint FILE'"
        )
    job, to = saved.job, saved.destination
    del saved  # it is as large as the optimizer's memory, and will be read again
    target = output.absolute() if output else Path(to.picture) if to.picture else None
    recipe = Path(to.recipe) if to.recipe else None
    if recipe is not None:
        check_recipe_target(recipe)
    delivery = Delivery(
        target,
        bits=to.bits if bits is None else bits,
        metadata=to.metadata,
        recipe=recipe,
        frames=Path(to.frames) if to.frames else None,
        frames_every=to.frames_every,
        numbered=to.numbered and output is None and not _is_result(target, job),
    )
    keep = CheckpointOptions(checkpoint.absolute(), checkpoint_every)
    folder = Path(to.folder)
    # The job names files as the user did, from the folder where the run began.
    with chdir(folder if folder.is_dir() else Path()):
        carry_out(job, Session(), delivery, report, resources, keep)


def _resume_clip(folder: Path, resources: ResourceOptions, report: ReportOptions, output: Path | None) -> None:
    """Continue a clip whose frames are in a folder."""
    from nst_cli.execution.clips import carry_out_clip
    from nst_cli.options.clip_orders import check_no_clip_input
    from nst_core import Session
    from nst_core.video.store import FrameStore

    session = Session()
    store = FrameStore(folder.absolute())
    order, place = store.begun()
    frames_alone = order.is_folder
    if output:
        order = replace(order, output=str(output.absolute()))
        if order.is_folder and not frames_alone:
            raise JobError(f"'{output}' is no file of a clip; name one, such as -o {output.name}.mp4, or omit -o")
    elif frames_alone:
        order = replace(order, output=str(store.folder))  # wherever it is by now
    if frames_alone:  # they are the result, too
        order = replace(order, keep_frames=True)
    with chdir(place if place.is_dir() else Path()):
        check_no_clip_input(order, session)
        carry_out_clip(order, session, report, resources, store)


def _is_result(picture: Path | None, job: Job) -> bool:
    """Say whether a file is the result of a job: this run left one where it was interrupted."""
    from nst_core import read_recipe

    try:
        return picture is not None and with_file_names(Job.from_toml(read_recipe(picture))) == with_file_names(job)
    except NstError:
        return False
