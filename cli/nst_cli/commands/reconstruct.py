"""``nst reconstruct``: what a layer still knows of a photograph."""

from __future__ import annotations

from typing import Annotated

import typer

from nst_cli.options import declarations as options

__all__ = ["reconstruct"]


def reconstruct(
    content: Annotated[str, typer.Argument(metavar="CONTENT", help="Photograph: a file, or sample:landscape.")],
    layer: Annotated[
        str,
        typer.Option(metavar="A,B=FACTOR,…", help="Layer to reconstruct from.", rich_help_panel=options.METHOD),
    ],
    output: options.Output = None,
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
    """Find, from noise, an image with CONTENT's features at one layer: the content loss alone.

    Examples:

    nst reconstruct sample:landscape --layer conv3_4

    nst reconstruct sample:landscape --layer conv4_4 --plugin tv:weight=1 --seed 1 --size 256
    """
    from nst_cli.execution.single import carry_out
    from nst_cli.options.recipes import base_job
    from nst_core.experiments.study import reconstruction_job
    from nst_core.plugins.discovery import default_registry

    chosen = options.chosen_options(
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
    layers = layer.split(",")
    job = reconstruction_job(content, layers, default_registry(), base_job(recipe, None), **chosen)
    suffix = "-" + "+".join(name.partition("=")[0] for name in layers)
    if carry_out(job, output, as_json=as_json, quiet=quiet, suffix=suffix).stopped == "interrupted":
        raise typer.Exit(130)
