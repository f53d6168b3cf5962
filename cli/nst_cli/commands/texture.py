"""``nst texture``: a texture like a painting, of any size."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from nst_cli.options.groups import (
    OutputOptions,
    RecipeOptions,
    ReportOptions,
    ResourceOptions,
    StyleJobOptions,
)
from nst_core.errors import JobError
from nst_core.job.schema import Job
from nst_core.options.table import IMAGES, METHOD

__all__ = ["texture"]


def texture(
    styles: Annotated[
        list[str],
        typer.Argument(metavar="STYLE", help="Sample, or several to blend: files, or sample:brushwork."),
    ],
    output: OutputOptions,
    options: StyleJobOptions,
    recipe: RecipeOptions,
    resources: ResourceOptions,
    report: ReportOptions,
    style_layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="A,B=FACTOR,…",
            help="Layers of the style loss.",
            show_default="all style layers",
            rich_help_panel=METHOD,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="N|HxW",
            help="Longest side of sample and texture, or height and width of the texture alone, of any size.",
            show_default=f"{Job.size}",
            rich_help_panel=IMAGES,
        ),
    ] = None,
    sample_size: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="Longest side of the sample if --size is HxW; smaller samples are not enlarged.",
            show_default=f"{Job.size}",
            rich_help_panel=IMAGES,
        ),
    ] = None,
) -> None:
    """Make, from noise, a texture like STYLE: the style loss alone.

    Examples:

    nst texture sample:brushwork --layers conv2_2

    nst texture sample:brushwork --size 300x500 --sample-size 200 --seed 1
    """
    from nst_cli.execution.single import Delivery, carry_out
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core import Session
    from nst_core.experiments.study import texture_job

    shape, longest = _sizes(size)
    if longest is not None and sample_size is not None:
        raise JobError("--sample-size needs --size HxW; a single number is the size of the sample as well")
    chosen = dict(options.given)
    if longest is not None or sample_size is not None:
        chosen["size"] = longest if longest is not None else sample_size
    check_no_folder(styles=styles)
    session, layers = Session(), style_layers.split(",") if style_layers else []
    base = base_job(recipe.recipe, session.registry, replaced={"content", "styles", *chosen})
    job = texture_job(styles, layers, session, base, shape, **chosen)
    delivery = Delivery.chosen(output, suffix="-texture")
    carry_out(job, session, delivery, report, resources)


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
