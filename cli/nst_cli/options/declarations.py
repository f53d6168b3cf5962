"""Options that several commands take, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nst_core.job.schema import Job
from nst_core.options.presets import PRESETS

__all__ = ["SAMPLES", "chosen_options"]

SAMPLES = ("sample:landscape", "sample:brushwork")
"""Photograph and painting where none are given."""

METHOD, IMAGES, RECIPE, OUTPUT = "Method", "Images", "Recipes", "Output"
MEMORY = "Memory and safety"

Preset = Annotated[
    str | None,
    typer.Option(
        help=f"Tuned weights and start: {' or '.join(PRESETS)}.", show_default="content", rich_help_panel=METHOD
    ),
]
Size = Annotated[
    int | None,
    typer.Option(help="Longest side in pixels; never enlarges.", show_default=f"{Job.size}", rich_help_panel=IMAGES),
]
Steps = Annotated[
    int | None, typer.Option(help="Evaluations of the loss.", show_default=f"{Job.steps}", rich_help_panel=METHOD)
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:k=v,…]",
        help="What improves the image.",
        show_default=f"{Job.optimizer.name}",
        rich_help_panel=METHOD,
    ),
]
Plugin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:k=v,…]",
        help="A loss that takes the place of the one of its role; regularizers are added. Repeatable; "
        "weight=W and layers=a+b are understood.",
        rich_help_panel=METHOD,
    ),
]
Extractor = Annotated[
    str | None,
    typer.Option(metavar="NAME[:k=v,…]", help="Network.", show_default=f"{Job.extractor.name}", rich_help_panel=METHOD),
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Weights of the network: a file or a set's name.", rich_help_panel=METHOD),
]
Seed = Annotated[
    int | None, typer.Option(help="Of all randomness.", show_default=f"{Job.seed}", rich_help_panel=METHOD)
]
Device = Annotated[
    str | None,
    typer.Option(help="auto, cpu, cuda, cuda:N or mps.", show_default=f"{Job.device}", rich_help_panel=METHOD),
]
Precision = Annotated[
    str | None,
    typer.Option(help="Of the network: auto, fp32 or bf16.", show_default=f"{Job.precision}", rich_help_panel=METHOD),
]
Recipe = Annotated[
    Path | None,
    typer.Option(help="Start from a recipe (TOML or JSON); other options change it.", rich_help_panel=RECIPE),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        help="Where to: .png, .jpg, .webp or .tif.",
        show_default="named after the images, numbered if it exists",
        rich_help_panel=OUTPUT,
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        help="Folder of pictures and report; finished cells in it are kept.",
        show_default="nst-COMMAND",
        rich_help_panel=OUTPUT,
    ),
]
Scales = Annotated[
    str | None,
    typer.Option(
        metavar="auto|off|W,W,…",
        help="Longest sides at which the picture is made, from small to large; the last one is its size.",
        show_default="auto: from 768 px up, halved until it is smaller",
        rich_help_panel=IMAGES,
    ),
]
Tile = Annotated[
    str,
    typer.Option(
        metavar="auto|off|PIXELS",
        help="Compute in tiles, with the same result: where memory is short, never, or of this side.",
        rich_help_panel=MEMORY,
    ),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        metavar="4GB", help="Memory to get by with.", show_default="most of what is free", rich_help_panel=MEMORY
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object about the run.", rich_help_panel=OUTPUT)]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Print nothing but the result's path.", rich_help_panel=OUTPUT)
]


def chosen_options(**given: Any) -> dict[str, Any]:
    """Return what was given on the command line, without what was left out."""
    return {name: value for name, value in given.items() if value is not None and value != []}
