"""``nst sweep``: the cartesian product of what is varied in a job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import FolderOptions, RecipeOptions, ReportOptions, WorkOptions
from nst_core.errors import JobError
from nst_core.options.table import METHOD

__all__ = ["sweep"]


def sweep(
    folder: FolderOptions,
    options: JobOptions,
    recipe: RecipeOptions,
    report: ReportOptions,
    work: WorkOptions,
    content: Annotated[str | None, typer.Argument(metavar="CONTENT", help="Photograph.")] = None,
    styles: Annotated[list[str] | None, typer.Argument(metavar="STYLE", help="Painting, or several to blend.")] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=v1,v2,…",
            help="What to vary; repeatable. An unknown key lists all. Join layers, levels and shares with +.",
            rich_help_panel=METHOD,
        ),
    ] = None,
) -> None:
    """Make every combination of the values given, and a report that compares them.

    The last key varies across the sheet, the one before it down the sheet. Finished pictures are never made twice.

    Examples:

    nst sweep --vary content.layers=conv1_2,conv2_2,conv3_4,conv4_4,conv5_4 sample:landscape sample:brushwork

    nst sweep --vary preset=content,noise --vary style.weight=1e5,1e6,1e7 sample:landscape sample:brushwork

    nst sweep --vary style.layers=conv1_2,conv1_2+conv2_2 --vary seed=0,1 sample:landscape sample:brushwork
    """
    from nst_cli.execution.many import Plan, carry_out_all
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core import Job, Session
    from nst_core.experiments.layout import sweep_sheets
    from nst_core.experiments.sweep import parse_variation, varied_job

    check_no_folder([content], styles or [])
    session = Session()
    varied = {"styles" if key == "style" else key for key in (text.partition("=")[0].strip() for text in vary or ())}
    images = {name for name, given in (("content", content), ("styles", styles)) if given}
    base = base_job(recipe.recipe, session.registry, replaced=images | varied | {*options.given})

    def job(choice: dict[str, str]) -> Job:
        return varied_job(session, content, styles, base, options.given, choice)

    example = job({})
    variations = [parse_variation(text, example, session.registry) for text in vary or ()]
    keys = {variation.key for variation in variations}
    if base is None and ((content is None and "content" not in keys) or (not styles and "style" not in keys)):
        raise JobError("name a content and a style image: nst sweep --vary KEY=v1,v2 CONTENT STYLE")
    title = "Sweep over " + " × ".join(variation.key for variation in variations)
    target = folder.folder or Path("nst-sweep")
    carry_out_all(Plan.of(title, sweep_sheets(variations, job), target), session, target, report, work)
