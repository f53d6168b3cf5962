"""``nst sweep``: the cartesian product of what is varied in a job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options import declarations as options
from nst_core.errors import JobError

__all__ = ["sweep"]


def sweep(
    content: Annotated[str | None, typer.Argument(metavar="CONTENT", help="Photograph.")] = None,
    style: Annotated[str | None, typer.Argument(metavar="STYLE", help="Painting.")] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=v1,v2,…",
            help="What to vary; repeatable. An unknown key lists all. Layers and scales are joined by +.",
            rich_help_panel=options.METHOD,
        ),
    ] = None,
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
    """Make every combination of the values given, and a report that compares them.

    The last key runs across the sheet, the one before down. Finished pictures are never made twice.

    Examples:

    nst sweep --vary content.layers=conv1_2,conv2_2,conv3_4,conv4_4,conv5_4 sample:landscape sample:brushwork

    nst sweep --vary preset=content,noise --vary style.weight=1e5,1e6,1e7 sample:landscape sample:brushwork

    nst sweep --vary style.layers=conv1_2,conv1_2+conv2_2 --vary seed=0,1 sample:landscape sample:brushwork
    """
    from nst_cli.execution.many import carry_out_all
    from nst_cli.options.recipes import base_job
    from nst_core.experiments.layout import sweep_sheets
    from nst_core.experiments.sweep import parse_variation, varied_job
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
    example = varied_job(registry, content, style, base, chosen, {})  # type: ignore[arg-type]
    variations = [parse_variation(text, example, registry) for text in vary or ()]
    keys = {variation.key for variation in variations}
    if base is None and ((content is None and "content" not in keys) or (style is None and "style" not in keys)):
        raise JobError("name a content and a style image: nst sweep --vary KEY=v1,v2 CONTENT STYLE")
    sheets = sweep_sheets(
        variations,
        lambda choice: varied_job(registry, content, style, base, chosen, choice),  # type: ignore[arg-type]
    )
    title = "Sweep over " + " × ".join(variation.key for variation in variations)
    carry_out_all(title, sheets, output or Path("nst-sweep"), as_json=as_json, quiet=quiet)
