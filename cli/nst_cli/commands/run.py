"""``nst run``: a photograph and one or several paintings to a pastiche."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import (
    OUTPUT,
    RECIPE,
    RESOURCES,
    SAMPLES,
    CheckpointOptions,
    OutputOptions,
    RecipeOptions,
    ReportOptions,
    ResourceOptions,
)
from nst_core.errors import JobError
from nst_core.options.table import IMAGES

__all__ = ["run"]


def run(
    output: OutputOptions,
    options: JobOptions,
    recipe: RecipeOptions,
    resources: ResourceOptions,
    checkpoint: CheckpointOptions,
    report: ReportOptions,
    content: Annotated[
        str | None, typer.Argument(metavar="CONTENT", help="Photograph: a file, or sample:landscape.")
    ] = None,
    styles: Annotated[
        list[str] | None,
        typer.Argument(metavar="STYLE", help="Painting, or several to blend: files, or sample:brushwork."),
    ] = None,
    onto: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE",
            help="Painting whose large forms are kept: the strokes of STYLE are put onto it first, and the result is "
            "the style image, OUTPUT-style.png.",
            rich_help_panel=IMAGES,
        ),
    ] = None,
    from_image: Annotated[
        Path | None,
        typer.Option(help="Start from the recipe inside an earlier result.", rich_help_panel=RECIPE),
    ] = None,
    save_recipe: Annotated[
        Path | None, typer.Option(help="Write the recipe to this TOML file as well.", rich_help_panel=RECIPE)
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Stop at a level of at most 256 px.", rich_help_panel=OUTPUT)
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show levels, tiles, memory and time without running.",
            rich_help_panel=RESOURCES,
        ),
    ] = False,
) -> None:
    """Paint CONTENT in the manner of STYLE, or of a blend of several. Without images, a bundled sample pair is used.

    Examples:

    nst run photo.jpg painting.jpg

    nst run photo.jpg painting.jpg -o out.png --size 768 --plugin tv --style-weight 3e6

    nst run photo.jpg painting.jpg drawing.jpg --blend 0.7,0.3

    nst run photo.jpg fine.jpg --onto coarse.jpg

    nst run --plugin gram-style --optimizer lbfgs

    nst run photo.jpg painting.jpg --size 2048 --memory-limit 4GB --checkpoint photo.ckpt
    """
    from nst_cli.execution.dry_run import show_plan
    from nst_cli.execution.mixing import planned_onto, with_mixed_style
    from nst_cli.execution.single import Delivery, carry_out
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job, check_recipe_target
    from nst_core import Session, api

    check_no_folder([content], [*(styles or []), *([onto] if onto else [])])
    session = Session()
    images = {"content": content, "styles": styles}
    replaced = {name for name, given in images.items() if given} | {*options.given}
    base = base_job(recipe.recipe, session.registry, from_image=from_image, replaced=replaced)
    if base is None and content is None:
        content, styles = SAMPLES[0], [SAMPLES[1]]
        report.say("No images given: using the bundled sample pair (sample:landscape, sample:brushwork).")
    if content is not None and not styles and base is None:
        raise JobError(f"only one image is given ('{content}'); name a style image too: nst run CONTENT STYLE")
    job = api.make_job(content, styles or None, base=base, session=session, **options.given)
    if preview:
        job = api.preview(job, session=session)
    if save_recipe is not None:
        check_recipe_target(save_recipe)
    if dry_run:
        job = planned_onto(job, onto) if onto else job
        show_plan(job, session, resources.resources(), as_json=report.as_json)
        return
    delivery = Delivery.chosen(output, recipe=save_recipe)
    if onto is not None:
        job, delivery = with_mixed_style(job, onto, session, delivery, report, resources)
    carry_out(job, session, delivery, report, resources, checkpoint)
