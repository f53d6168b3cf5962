"""``nst resume``: go on with a run that was kept."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options import declarations as options
from nst_core.errors import CheckpointError, NstError
from nst_core.job.schema import Job

__all__ = ["resume"]


def resume(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE", help="What nst run --checkpoint FILE kept.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Where to.", show_default="where the run was to save", rich_help_panel=options.OUTPUT
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option(
            help="8, or 16 for PNG and TIFF.", show_default="those of the run", rich_help_panel=options.OUTPUT
        ),
    ] = None,
    checkpoint_every: Annotated[
        str, typer.Option(metavar="30s|5m", help="How often it is written.", rich_help_panel=options.MEMORY)
    ] = "30s",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Go on with a run that was interrupted; picture and recipe are what they would have been.

    Example:

    nst resume photo.ckpt
    """
    from nst_cli.execution.single import carry_out
    from nst_cli.options.recipes import check_recipe_target
    from nst_cli.options.resources import KeptIn, parse_duration
    from nst_core.engine.checkpoint import Checkpoint

    kept = Checkpoint(checkpoint).read()
    if kept is None:
        raise CheckpointError(f"there is no checkpoint '{checkpoint}'; 'nst run --checkpoint FILE' makes one")
    job, to = kept.job, kept.destination
    del kept  # it is as large as the optimizer's memory, and will be read again
    target = output.absolute() if output else Path(to.picture) if to.picture else None
    recipe = Path(to.recipe) if to.recipe else None
    if recipe is not None:
        check_recipe_target(recipe)
    keep = KeptIn(checkpoint.absolute(), parse_duration(checkpoint_every))
    numbered = to.numbered and output is None and not _is_result(target, job)
    folder = Path(to.folder)
    # The job names files as the user did, from the folder where the run began.
    with chdir(folder if folder.is_dir() else Path()):
        result = carry_out(
            job,
            target,
            numbered=numbered,
            bits=to.bits if bits is None else bits,
            as_json=as_json,
            quiet=quiet,
            recipe_file=recipe,
            kept=keep,
        )
    if result.stopped == "interrupted":
        raise typer.Exit(130)


def _is_result(picture: Path | None, job: Job) -> bool:
    """Say whether a file is the result of a job: this run left one where it was interrupted."""
    from nst_core.images import read_recipe

    try:
        return picture is not None and Job.from_toml(read_recipe(picture)) == job
    except NstError:
        return False
