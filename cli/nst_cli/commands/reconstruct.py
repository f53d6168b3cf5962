"""``nst reconstruct``: what a layer still knows of a photograph."""

from __future__ import annotations

from typing import Annotated

import typer

from nst_cli.options.groups import (
    ContentJobOptions,
    OutputOptions,
    RecipeOptions,
    ReportOptions,
    ResourceOptions,
)
from nst_core.options.table import METHOD

__all__ = ["reconstruct"]


def reconstruct(
    content: Annotated[str, typer.Argument(metavar="CONTENT", help="Photograph: a file, or sample:landscape.")],
    content_layers: Annotated[
        str,
        typer.Option("--layer", metavar="A,B=FACTOR,…", help="Layer to reconstruct from.", rich_help_panel=METHOD),
    ],
    output: OutputOptions,
    options: ContentJobOptions,
    recipe: RecipeOptions,
    resources: ResourceOptions,
    report: ReportOptions,
) -> None:
    """Find, from noise, an image with CONTENT's features at one layer: the content loss alone.

    Examples:

    nst reconstruct sample:landscape --layer conv3_4

    nst reconstruct sample:landscape --layer conv4_4 --plugin tv:weight=1 --seed 1 --size 256
    """
    from nst_cli.execution.single import Delivery, carry_out
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core import Session
    from nst_core.experiments.study import reconstruction_job

    check_no_folder([content])
    session, layers = Session(), content_layers.split(",")
    base = base_job(recipe.recipe, session.registry, replaced={"content", "styles", *options.given})
    job = reconstruction_job(content, layers, session, base, **options.given)
    suffix = "-" + "+".join(name.partition("=")[0] for name in layers)
    delivery = Delivery.chosen(output, suffix=suffix)
    carry_out(job, session, delivery, report, resources)
