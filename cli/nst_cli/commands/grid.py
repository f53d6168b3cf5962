"""``nst grid``: every content with every style."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import FolderOptions, RecipeOptions, ReportOptions, ThreadOptions
from nst_core.options.table import IMAGES

__all__ = ["grid"]


def grid(
    contents: Annotated[list[str], typer.Option(metavar="A B C", help="Photographs.", rich_help_panel=IMAGES)],
    styles: Annotated[list[str], typer.Option(metavar="X Y Z", help="Paintings.", rich_help_panel=IMAGES)],
    folder: FolderOptions,
    options: JobOptions,
    recipe: RecipeOptions,
    report: ReportOptions,
    threads: ThreadOptions,
) -> None:
    """Paint every content in the manner of every style, and compare them in a report.

    Examples:

    nst grid --contents sample:landscape sample:brushwork --styles sample:brushwork sample:landscape
    """
    from nst_cli.execution.many import carry_out_all
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core import Job, Session, make_job
    from nst_core.experiments.layout import grid_sheet

    check_no_folder(contents, styles)
    session = Session()
    base = base_job(recipe.recipe, session.registry, replaced={"content", "styles", *options.given})

    def job(content: str, style: str) -> Job:
        return make_job(content, style, base=base, session=session, **options.given)

    sheets, target = [grid_sheet(contents, styles, job)], folder.folder or Path("nst-grid")
    carry_out_all("Grid", sheets, session, target, report, threads)
