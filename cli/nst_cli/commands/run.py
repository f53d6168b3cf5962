"""``nst run``: a photograph and a painting to a pastiche."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nst_cli import console
from nst_cli.options import declarations as options
from nst_core.errors import JobError
from nst_core.job.schema import Job
from nst_core.options.presets import PRESETS

if TYPE_CHECKING:
    from nst_core import Options

__all__ = ["run"]

_IMAGES, _METHOD, _RECIPE, _OUTPUT, _MEMORY = "Images", "Method", "Recipes", "Output", options.MEMORY


def _weights_shown(which: str) -> str:
    return ", ".join(f"{getattr(p, which):g} with preset {name}" for name, p in PRESETS.items())


def run(
    content: Annotated[
        str | None, typer.Argument(metavar="CONTENT", help="Photograph: a file, or sample:landscape.")
    ] = None,
    style: Annotated[str | None, typer.Argument(metavar="STYLE", help="Painting: a file, or sample:brushwork.")] = None,
    output: options.Output = None,
    preset: options.Preset = None,
    size: options.Size = None,
    style_scale: Annotated[
        float | None,
        typer.Option(
            help="Size of the style image relative to --size: larger strokes above 1.",
            show_default=f"{Job.style_scale:g}",
            rich_help_panel=_IMAGES,
        ),
    ] = None,
    scales: options.Scales = None,
    steps: options.Steps = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:k=v,…]",
            help="What to start from: content, noise, image:path=FILE.",
            show_default="the preset's",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    optimizer: options.Optimizer = None,
    plugin: options.Plugin = None,
    no_plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Remove a loss. Repeatable.", rich_help_panel=_METHOD),
    ] = None,
    extractor: options.Extractor = None,
    weights: options.Weights = None,
    content_weight: Annotated[
        float | None,
        typer.Option(
            help="α; 0 removes the loss.",
            show_default=f"{_weights_shown('content_weight')}",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    style_weight: Annotated[
        float | None,
        typer.Option(
            help="β; 0 removes the loss.",
            show_default=f"{_weights_shown('style_weight')}",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    content_layers: Annotated[
        str | None,
        typer.Option(metavar="A,B=FACTOR,…", help="Layers of the content loss.", rich_help_panel=_METHOD),
    ] = None,
    style_layers: Annotated[
        str | None,
        typer.Option(metavar="A,B=FACTOR,…", help="Layers of the style loss.", rich_help_panel=_METHOD),
    ] = None,
    seed: options.Seed = None,
    normalize_gradients: Annotated[
        bool | None,
        typer.Option(
            "--normalize-gradients/--raw-gradients",
            help="Weights say how strongly each loss and layer pulls, whatever its scale.",
            show_default="raw",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    device: options.Device = None,
    precision: options.Precision = None,
    recipe: options.Recipe = None,
    from_image: Annotated[
        Path | None,
        typer.Option(help="Start from the recipe that an earlier result carries.", rich_help_panel=_RECIPE),
    ] = None,
    save_recipe: Annotated[
        Path | None, typer.Option(help="Write the recipe as TOML too.", rich_help_panel=_RECIPE)
    ] = None,
    bits: Annotated[int, typer.Option(help="8, or 16 for PNG and TIFF.", rich_help_panel=_OUTPUT)] = 8,
    preview_every: Annotated[
        int, typer.Option(help="Save a preview every K steps; 0 for none.", rich_help_panel=_OUTPUT)
    ] = 0,
    preview: Annotated[
        bool, typer.Option("--preview", help="Make the smallest scale only.", rich_help_panel=_OUTPUT)
    ] = False,
    tile: options.Tile = "auto",
    memory_limit: options.MemoryLimit = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only say what would be done, how long and with how much memory.", rich_help_panel=_MEMORY
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Keep the run in this file; the same command, or nst resume FILE, goes on from it.",
            rich_help_panel=_MEMORY,
        ),
    ] = None,
    checkpoint_every: Annotated[
        str, typer.Option(metavar="30s|5m", help="How often it is written.", rich_help_panel=_MEMORY)
    ] = "30s",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Paint CONTENT in the manner of STYLE. Without images, a bundled sample pair is used.

    Examples:

    nst run photo.jpg painting.jpg

    nst run photo.jpg painting.jpg -o out.png --size 768 --plugin tv --style-weight 3e6

    nst run --plugin gram-style --optimizer lbfgs

    nst run photo.jpg painting.jpg --size 2048 --memory-limit 4GB --checkpoint photo.ckpt
    """
    from nst_cli.execution.dry_run import show_plan
    from nst_cli.execution.single import carry_out
    from nst_cli.options.recipes import base_job, check_recipe_target
    from nst_cli.options.resources import KeptIn, Means, checked_tile, parse_duration
    from nst_core import api
    from nst_core.runtime.memory import parse_memory

    if preview_every < 0:
        raise JobError(f"--preview-every must not be negative, not {preview_every}")
    given: dict[str, Any] = {
        "preset": preset,
        "size": size,
        "scales": scales,
        "steps": steps,
        "content_weight": content_weight,
        "style_weight": style_weight,
        "content_layers": content_layers.split(",") if content_layers is not None else None,
        "style_layers": style_layers.split(",") if style_layers is not None else None,
        "plugins": plugin or None,
        "without": no_plugin or None,
        "init": init,
        "optimizer": optimizer,
        "extractor": extractor,
        "weights": weights,
        "style_scale": style_scale,
        "seed": seed,
        "normalize_gradients": normalize_gradients,
        "device": device,
        "precision": precision,
    }
    chosen: Options = {k: v for k, v in given.items() if v is not None}  # type: ignore[assignment]
    say = (lambda _: None) if quiet else console.say
    base = base_job(recipe, from_image)
    if base is None and content is None:
        content, style = options.SAMPLES
        say("No images given: using the bundled sample pair (sample:landscape, sample:brushwork).")
    if content is not None and style is None and base is None:
        raise JobError(f"only one image is given ('{content}'); name a style image too: nst run CONTENT STYLE")
    job = api.make_job(content, style, base=base, **chosen)
    if preview:
        job = api.preview(job)
    if save_recipe is not None:
        check_recipe_target(save_recipe)
    means = Means(checked_tile(tile), None if memory_limit is None else parse_memory(memory_limit))
    if dry_run:
        show_plan(job, means, as_json=as_json)
        return
    kept = None if checkpoint is None else KeptIn(checkpoint, parse_duration(checkpoint_every))
    result = carry_out(
        job,
        output,
        bits=bits,
        preview_every=preview_every,
        as_json=as_json,
        quiet=quiet,
        recipe_file=save_recipe,
        means=means,
        kept=kept,
    )
    if result.stopped == "interrupted":
        raise typer.Exit(130)
