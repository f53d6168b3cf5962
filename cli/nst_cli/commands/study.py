"""``nst study``: reconstructions, textures and ablations in one report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import SAMPLES, FolderOptions, RecipeOptions, ReportOptions, WorkOptions
from nst_core.options.table import IMAGES, METHOD

__all__ = ["study"]

FULL = {"size": 256, "steps": 200}
QUICK = {"size": 128, "steps": 80}


def study(
    folder: FolderOptions,
    options: JobOptions,
    recipe: RecipeOptions,
    report: ReportOptions,
    work: WorkOptions,
    contents: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A B C",
            help="Photographs: the first for all parts, all of them for the grids.",
            show_default="the bundled samples",
            rich_help_panel=IMAGES,
        ),
    ] = None,
    styles: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X Y Z",
            help="Paintings: the first for all parts, all of them for the grids.",
            show_default="the bundled samples",
            rich_help_panel=IMAGES,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help=f"Default to {QUICK['size']} px and {QUICK['steps']} steps per picture, not {FULL['size']} px and "
            f"{FULL['steps']} steps.",
            rich_help_panel=METHOD,
        ),
    ] = False,
) -> None:
    """Reconstruct from each block, make textures from each block, vary layers and weights, and paint grids.

    Makes about 60 pictures and one report. The expected time is shown first. Stop it at any time: the same command
    continues where it was and loses at most the picture in progress.

    Examples:

    nst study --quick

    nst study --contents sample:landscape --styles sample:brushwork --size 64 --steps 5
    """
    from nst_cli.execution.many import Plan, carry_out_all
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core import Session
    from nst_core.experiments.study import study_sheets

    check_no_folder(contents or [], styles or [])
    session = Session()
    chosen = {**(QUICK if quick else FULL), **options.given}
    # Either sample also serves as the other kind of image, so that there is a grid to look at without any files.
    contents, styles = contents or [*SAMPLES], styles or [*reversed(SAMPLES)]
    base = base_job(recipe.recipe, session.registry, replaced={"content", "styles", *chosen})
    sheets = study_sheets(contents, styles, session, chosen, base)
    target = folder.folder or Path("nst-study-quick" if quick else "nst-study")
    carry_out_all(Plan.of("Study", sheets, target), session, target, report, work)
