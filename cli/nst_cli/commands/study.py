"""``nst study``: reconstructions, textures and ablations in one report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options import declarations as options

__all__ = ["study"]

FULL = {"size": 256, "steps": 200}
QUICK = {"size": 128, "steps": 80}


def study(
    contents: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A B C",
            help="Photographs; the first serves all parts, all of them the grids.",
            show_default="the bundled samples",
            rich_help_panel=options.IMAGES,
        ),
    ] = None,
    styles: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X Y Z",
            help="Paintings, likewise.",
            show_default="the bundled samples",
            rich_help_panel=options.IMAGES,
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help=f"{QUICK['size']} px, {QUICK['steps']} steps.", rich_help_panel=options.METHOD),
    ] = False,
    output: options.Folder = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Longest side in pixels; never enlarges.",
            show_default=f"{FULL['size']}",
            rich_help_panel=options.IMAGES,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Evaluations of the loss.", show_default=f"{FULL['steps']}", rich_help_panel=options.METHOD),
    ] = None,
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
    """Reconstruct from each block, make textures from each block, vary layers and weights, and paint grids.

    Some 60 cells, ending in one report. It says beforehand how long it will take. Stop it whenever you like: the
    same command goes on where it was, and loses at most the picture it was at.

    Examples:

    nst study --quick

    nst study --contents sample:landscape --styles sample:brushwork --size 64 --steps 5
    """
    from nst_cli.execution.many import carry_out_all
    from nst_cli.options.recipes import base_job
    from nst_core.experiments.study import study_sheets
    from nst_core.plugins.discovery import default_registry

    chosen = {
        **(QUICK if quick else FULL),
        **options.chosen_options(
            size=size,
            steps=steps,
            seed=seed,
            plugins=plugin,
            optimizer=optimizer,
            extractor=extractor,
            weights=weights,
            device=device,
            precision=precision,
        ),
    }
    # Either sample also serves as the other kind of image, so that there is a grid to look at without any files.
    contents, styles = contents or [*options.SAMPLES], styles or [*reversed(options.SAMPLES)]
    sheets = study_sheets(contents, styles, default_registry(), chosen, base_job(recipe, None))
    folder = output or Path("nst-study-quick" if quick else "nst-study")
    carry_out_all("Study", sheets, folder, as_json=as_json, quiet=quiet)
