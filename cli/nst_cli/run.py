"""``nst run``: a photograph and a painting to a pastiche."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nst_cli import console
from nst_core.errors import ImageError, JobError
from nst_core.job import Job
from nst_core.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from nst_core import Observer, Options, Result, Step

__all__ = ["run"]

SAMPLES = ("sample:landscape", "sample:brushwork")
_IMAGES, _METHOD, _RECIPE, _OUTPUT = "Images", "Method", "Recipes", "Output"


def _weights_shown(which: str) -> str:
    return ", ".join(f"{getattr(p, which):g} with preset {name}" for name, p in PRESETS.items())


def run(
    content: Annotated[
        str | None, typer.Argument(metavar="CONTENT", help="Photograph: a file, or sample:landscape.")
    ] = None,
    style: Annotated[str | None, typer.Argument(metavar="STYLE", help="Painting: a file, or sample:brushwork.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Where to: .png, .jpg, .webp or .tif.",
            show_default="CONTENT-STYLE.png, numbered if it exists",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help=f"Tuned weights and start: {' or '.join(PRESETS)}.",
            show_default="content",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Longest side in pixels; never enlarges.", show_default=f"{Job.size}", rich_help_panel=_IMAGES
        ),
    ] = None,
    style_scale: Annotated[
        float | None,
        typer.Option(
            help="Size of the style image relative to --size: larger strokes above 1.",
            show_default=f"{Job.style_scale:g}",
            rich_help_panel=_IMAGES,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Evaluations of the loss.", show_default=f"{Job.steps}", rich_help_panel=_METHOD),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:k=v,…]",
            help="What to start from: content, noise, image:path=FILE.",
            show_default="the preset's",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:k=v,…]",
            help="What improves the image.",
            show_default=f"{Job.optimizer.name}",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:k=v,…]",
            help="A loss that takes the place of the one of its role; regularizers are added. Repeatable; "
            "weight=W and layers=a+b are understood.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    no_plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Remove a loss. Repeatable.", rich_help_panel=_METHOD),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:k=v,…]", help="Network.", show_default=f"{Job.extractor.name}", rich_help_panel=_METHOD
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Weights of the network: a file or a set's name.", rich_help_panel=_METHOD),
    ] = None,
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
    seed: Annotated[
        int | None, typer.Option(help="Of all randomness.", show_default=f"{Job.seed}", rich_help_panel=_METHOD)
    ] = None,
    normalize_gradients: Annotated[
        bool | None,
        typer.Option(
            "--normalize-gradients/--raw-gradients",
            help="Weights say how strongly each loss and layer pulls, whatever its scale.",
            show_default="raw",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda, cuda:N or mps.", show_default=f"{Job.device}", rich_help_panel=_METHOD),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="Of the network: auto, fp32 or bf16.", show_default=f"{Job.precision}", rich_help_panel=_METHOD
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="Start from a recipe (TOML or JSON); other options change it.", rich_help_panel=_RECIPE),
    ] = None,
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object about the run.", rich_help_panel=_OUTPUT)
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("-q", "--quiet", help="Print nothing but the result's path.", rich_help_panel=_OUTPUT),
    ] = False,
) -> None:
    """Paint CONTENT in the manner of STYLE. Without images, a bundled sample pair is used.

    Examples:

    nst run photo.jpg painting.jpg

    nst run photo.jpg painting.jpg -o out.png --size 768 --plugin tv --style-weight 3e6

    nst run --plugin gram-style --optimizer lbfgs
    """
    from contextlib import nullcontext

    from nst_cli.progress import progress
    from nst_cli.recipes import base_job, write_recipe
    from nst_core import api
    from nst_core.engine import run as carry_out
    from nst_core.image import check_output

    if preview_every < 0:
        raise JobError(f"--preview-every must not be negative, not {preview_every}")
    given: dict[str, Any] = {
        "preset": preset,
        "size": size,
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
        content, style = SAMPLES
        say("No images given: using the bundled sample pair (sample:landscape, sample:brushwork).")
    if content is not None and style is None and base is None:
        raise JobError(f"only one image is given ('{content}'); name a style image too: nst run CONTENT STYLE")
    job = api.make_job(content, style, base=base, **chosen)
    target = output or _free_name(job)
    check_output(target, bits=bits)
    _check_no_input(target, job)
    if save_recipe is not None:
        _check_recipe_target(save_recipe)
    observers: list[Observer] = [_previews(target, preview_every, say)] if preview_every else []
    with nullcontext(None) if quiet else progress(job.steps) as bar:
        result = carry_out(job, observers=observers + ([bar] if bar else []))
    _save(result, target, bits)
    if save_recipe is not None:
        write_recipe(result, save_recipe)
    for remark in result.remarks:
        say(f"note: {remark}")
    if result.stopped != "finished":
        say(f"{result.stopped} after {result.evaluations} of {job.steps} steps; this is the best image so far")
    console.out(json.dumps(_summary(result, target), indent=2) if as_json else str(target))
    if result.stopped == "interrupted":
        raise typer.Exit(130)


def _free_name(job: Job) -> Path:
    stems = [Path(ref.path.replace(":", "-")).stem for ref in (job.content, job.style) if ref and ref.path]
    stem = "-".join(stems) or "pastiche"
    target, number = Path(f"{stem}.png"), 2
    while target.exists():
        target, number = Path(f"{stem}-{number}.png"), number + 1
    return target


def _check_no_input(target: Path, job: Job) -> None:
    for role, reference in (("content", job.content), ("style", job.style)):
        if reference and reference.path and target.exists() and target.resolve() == Path(reference.path).resolve():
            raise JobError(f"the result would overwrite the {role} image '{reference.path}'; choose another -o")


def _check_recipe_target(path: Path) -> None:
    if path.suffix.lower() != ".toml":
        raise JobError(f"a recipe is written as TOML; name a file that ends in .toml, not '{path}'")
    if path.is_dir() or not path.parent.is_dir():
        raise JobError(f"a recipe cannot be written to '{path}': it is a folder, or its folder does not exist")


def _previews(target: Path, every: int, say: Callable[[str], None]) -> Observer:
    from nst_core.image import save

    def watch(step: Step) -> None:
        if step.number % every == 0:
            try:
                save(step.image, target.with_name(f"{target.stem}-step{step.number:05d}{target.suffix}"))
            except ImageError as error:  # a preview is not worth the run
                say(f"no preview of step {step.number}: {error}")

    return watch


def _save(result: Result, target: Path, bits: int) -> None:
    """Write the result; where that fails now, put it where temporary files go rather than lose it."""
    try:
        result.save(target, bits=bits)
    except ImageError as error:
        import tempfile

        rescued = Path(tempfile.mkdtemp(prefix="nst-")) / f"{target.stem}.png"
        result.save(rescued)
        raise ImageError(f"{error}. The result is not lost: it is in '{rescued}'") from error


def _summary(result: Result, target: Path) -> dict[str, Any]:
    return {
        "output": str(target),
        "total": result.total,
        "first_total": result.history[0],
        "losses": result.losses,
        "seconds": result.seconds,
        "evaluations": result.evaluations,
        "stopped": result.stopped,
        "device": result.device,
        "versions": result.versions(),
        "remarks": list(result.remarks),
        "job": result.job.to_dict(),
    }
