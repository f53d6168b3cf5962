"""``nst texture``: a texture like a painting, of any size."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from nst_cli.options import declarations as options
from nst_core.errors import JobError
from nst_core.job.schema import Job

__all__ = ["texture"]


def texture(
    style: Annotated[str, typer.Argument(metavar="STYLE", help="Sample: a file, or sample:brushwork.")],
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="A,B=FACTOR,…",
            help="Layers of the style loss.",
            show_default="all style layers",
            rich_help_panel=options.METHOD,
        ),
    ] = None,
    output: options.Output = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="N|HxW",
            help="Longest side of sample and texture; or height and width of the texture, larger than the sample too.",
            show_default=f"{Job.size}",
            rich_help_panel=options.IMAGES,
        ),
    ] = None,
    sample_size: Annotated[
        int | None,
        typer.Option(
            help="Longest side of the sample where --size is HxW; never enlarges.",
            show_default=f"{Job.size}",
            rich_help_panel=options.IMAGES,
        ),
    ] = None,
    steps: options.Steps = None,
    seed: options.Seed = None,
    plugin: options.Plugin = None,
    optimizer: options.Optimizer = None,
    extractor: options.Extractor = None,
    weights: options.Weights = None,
    device: options.Device = None,
    precision: options.Precision = None,
    recipe: options.Recipe = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make, from noise, a texture like STYLE: the style loss alone.

    Examples:

    nst texture sample:brushwork --layers conv2_2

    nst texture sample:brushwork --size 300x500 --sample-size 200 --seed 1
    """
    from nst_cli.execution.single import carry_out
    from nst_cli.options.recipes import base_job
    from nst_core.experiments.study import texture_job
    from nst_core.plugins.discovery import default_registry

    shape, longest = _sizes(size)
    if longest is not None and sample_size is not None:
        raise JobError("--sample-size goes with --size HxW; with one number --size is the sample's size too")
    chosen = options.chosen_options(
        size=longest if longest is not None else sample_size,
        steps=steps,
        seed=seed,
        plugins=plugin,
        optimizer=optimizer,
        extractor=extractor,
        weights=weights,
        device=device,
        precision=precision,
    )
    named = layers.split(",") if layers else []
    job = texture_job(style, named, default_registry(), base_job(recipe, None), shape, **chosen)
    if carry_out(job, output, as_json=as_json, quiet=quiet, suffix="-texture").stopped == "interrupted":
        raise typer.Exit(130)


def _sizes(text: str | None) -> tuple[tuple[int, int] | None, int | None]:
    """Return height and width, or the longest side."""
    if text is None:
        return None, None
    if re.fullmatch(r"[0-9]+", text):
        return None, int(text)
    parts = re.fullmatch(r"([1-9][0-9]*)[x×]([1-9][0-9]*)", text)
    if not parts:
        raise JobError(f"--size must be a number of pixels or HEIGHTxWIDTH such as 300x500, not '{text}'")
    return (int(parts[1]), int(parts[2])), None
