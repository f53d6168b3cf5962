"""``nst grid``: every content with every style."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options import declarations as options

__all__ = ["grid"]


def grid(
    contents: Annotated[list[str], typer.Option(metavar="A B C", help="Photographs.", rich_help_panel=options.IMAGES)],
    styles: Annotated[list[str], typer.Option(metavar="X Y Z", help="Paintings.", rich_help_panel=options.IMAGES)],
    output: options.Folder = None,
    preset: options.Preset = None,
    size: options.Size = None,
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
    """Paint every content in the manner of every style, and lay them out in a report.

    Examples:

    nst grid --contents sample:landscape sample:brushwork --styles sample:brushwork sample:landscape
    """
    from nst_cli.execution.many import carry_out_all
    from nst_cli.options.recipes import base_job
    from nst_core.api import make_job
    from nst_core.experiments.layout import grid_sheet
    from nst_core.job.schema import Job
    from nst_core.plugins.discovery import default_registry

    chosen = options.chosen_options(
        preset=preset,
        size=size,
        steps=steps,
        seed=seed,
        plugins=plugin,
        optimizer=optimizer,
        extractor=extractor,
        weights=weights,
        device=device,
        precision=precision,
    )
    registry, base = default_registry(), base_job(recipe, None)

    def job(content: str, style: str) -> Job:
        return make_job(content, style, base=base, registry=registry, **chosen)

    sheet = grid_sheet(contents, styles, job)
    carry_out_all("Grid", [sheet], output or Path("nst-grid"), as_json=as_json, quiet=quiet)
