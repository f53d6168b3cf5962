"""``nst eval``: the figures of the reports for any picture, made by any tool."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from nst_cli import console
from nst_cli.options.groups import NetworkOptions, ThreadOptions
from nst_core.job.schema import Job

if TYPE_CHECKING:
    from nst_core.experiments.metrics import Metrics

__all__ = ["evaluate"]


def evaluate(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Picture to measure.")],
    options: NetworkOptions,
    threads: ThreadOptions,
    content: Annotated[str | None, typer.Option(metavar="FILE", help="Content image to compare with.")] = None,
    style: Annotated[str | None, typer.Option(metavar="FILE", help="Style image to compare with.")] = None,
    style_size: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", help="Longest side of the style image.", show_default="that of IMAGE"),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(metavar="A,B,…|all", help="Layers to compare at.", show_default="those of the presets"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure IMAGE against a content image, a style image, or both, and its own grain and specks.

    Always in float32. The content image is resized to IMAGE. docs/metrics.md says what each figure means and what it
    does not see.

    Examples:

    nst eval sample:landscape --content sample:landscape --style sample:brushwork
    """
    from nst_cli.options.images import check_no_folder_measured
    from nst_core import Session, make_job
    from nst_core.experiments.metrics import evaluate_image

    check_no_folder_measured(image, content, style)
    session = Session()
    network = {name: value for name, value in options.given.items() if name != "device"}
    with threads.limited():
        metrics = evaluate_image(
            image,
            make_job(session=session, **network).extractor,
            session=session,
            content=content,
            style=style,
            style_size=style_size,
            layers=layers.split(",") if layers else (),
            device=options.given.get("device", Job.device),
        )
    if as_json:
        console.out(json.dumps({"image": image, **metrics.to_dict()}, indent=2))
        return
    for line in _lines(metrics):
        console.out(line)


def _lines(metrics: Metrics) -> list[str]:
    """Return a line for each figure: its name, where it was measured, the value, and which way is better."""
    rows: list[tuple[str, str, str, str]] = []
    for name, values, mean in (
        ("content distance", metrics.content, metrics.content_mean),
        ("style distance", metrics.style, metrics.style_mean),
        ("Fréchet distance", metrics.frechet, metrics.frechet_mean),
    ):
        rows += [(name, layer, f"{value:.4f}", "") for layer, value in values.items()]
        if mean is not None:
            rows.append((name, "mean", f"{mean:.4f}", "0: as the image compared with"))
    if metrics.pyramid is not None:
        sides = "+".join(str(max(size)) for size in metrics.pyramid_sizes)
        rows.append(("style pyramid", f"{sides} px", f"{metrics.pyramid:.4f}", "0: as the style image at all sizes"))
    if metrics.self_similarity is not None:
        layer, value = metrics.structure_layer, f"{metrics.self_similarity:.4f}"
        rows.append(("self-similarity", layer, value, "0: the same places are alike as in the content image"))
    if metrics.edge_ssim is not None:
        rows.append(("edge SSIM", "image", f"{metrics.edge_ssim:.4f}", "1: the edges of the content image"))
    if metrics.rim is not None:
        rows.append(("rim", "image", f"{metrics.rim:.4f}", "1: no frame, relative to the content image"))
    rows.append(("specks", "image", f"{metrics.specks:.6f}", "share of the pixels"))
    rows.append(("total variation", "image", f"{metrics.total_variation:.6f}", "0: flat"))
    wide = max(len(where) for _, where, _, _ in rows)
    return [f"{name:16}  {where:{wide}}  {value:9}  {note}".rstrip() for name, where, value, note in rows]
