"""``nst resume``: go on with a run that was kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli import options
from nst_core.errors import CheckpointError

__all__ = ["resume"]


def resume(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE", help="What nst run --checkpoint FILE kept.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Where to.", show_default="where the run was to save", rich_help_panel=options.OUTPUT
        ),
    ] = None,
    bits: Annotated[int, typer.Option(help="8, or 16 for PNG and TIFF.", rich_help_panel=options.OUTPUT)] = 8,
    checkpoint_every: Annotated[
        str, typer.Option(metavar="30s|5m", help="How often it is written.", rich_help_panel=options.MEMORY)
    ] = "30s",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Go on with a run that was interrupted; the picture is the one that it would have been.

    Example:

    nst resume photo.ckpt
    """
    from nst_cli.means import KeptIn, parse_duration
    from nst_cli.single import carry_out
    from nst_core.checkpoint import Checkpoint

    kept = Checkpoint(checkpoint).read()
    if kept is None:
        raise CheckpointError(f"there is no checkpoint '{checkpoint}'; 'nst run --checkpoint FILE' makes one")
    job, target = kept.job, output or (Path(kept.output) if kept.output else None)
    del kept  # it is as large as the optimizer's memory, and will be read again
    result = carry_out(
        job,
        target,
        bits=bits,
        as_json=as_json,
        quiet=quiet,
        kept=KeptIn(checkpoint, parse_duration(checkpoint_every)),
    )
    if result.stopped == "interrupted":
        raise typer.Exit(130)
