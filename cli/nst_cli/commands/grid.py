"""``nst grid``: every content with every style."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import FolderOptions, RecipeOptions, ReportOptions, WorkOptions
from nst_core.options.table import IMAGES

__all__ = ["grid"]


def grid(
    contents: Annotated[list[str], typer.Option(metavar="A B C", help="Photographs.", rich_help_panel=IMAGES)],
    styles: Annotated[list[str], typer.Option(metavar="X Y Z", help="Paintings.", rich_help_panel=IMAGES)],
    folder: FolderOptions,
    options: JobOptions,
    recipe: RecipeOptions,
    report: ReportOptions,
    work: WorkOptions,
    blend: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Blend two styles in N pictures from one to the other, or four in a square of N by N.",
            rich_help_panel=IMAGES,
        ),
    ] = None,
) -> None:
    """Paint every content in the manner of every style, and compare them in a report.

    With --blend N, paint one content in blends of the styles instead.

    Examples:

    nst grid --contents sample:landscape sample:brushwork --styles sample:brushwork sample:landscape

    nst grid --contents sample:landscape --styles sample:brushwork sample:landscape --blend 5
    """
    from nst_cli.execution.many import Plan, carry_out_all
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core import Job, Session, make_job
    from nst_core.experiments.layout import Sheet, blend_sheet, grid_sheet

    check_no_folder(contents, styles)
    session = Session()
    base = base_job(recipe.recipe, session.registry, replaced={"content", "styles", *options.given})

    def job(content: str, style: str) -> Job:
        return make_job(content, style, base=base, session=session, **options.given)

    def blended(content: str) -> Sheet:
        count = 0 if blend is None else blend
        return blend_sheet(
            styles,
            count,
            lambda shares: make_job(content, styles, base=base, session=session, **options.given, blend=shares),
            Path(content).stem if len(contents) > 1 else "Blend",
        )

    sheets = [grid_sheet(contents, styles, job)] if blend is None else [blended(content) for content in contents]
    target = folder.folder or Path("nst-grid")
    carry_out_all(Plan.of("Grid", sheets, target), session, target, report, work)
