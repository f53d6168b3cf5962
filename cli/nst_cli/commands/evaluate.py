"""``nst eval``: the figures of the reports for any picture, made by any tool."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from nst_cli import console
from nst_cli.options.groups import NetworkOptions, ThreadOptions
from nst_core.job.schema import Job

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
    """Measure the distance of IMAGE to a content and a style image, and its total variation.

    Content distance compares feature maps, style distance Gram matrices; 0 means equal. Always in float32. The content
    image is resized to IMAGE.

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
    for name, values, mean in (
        ("content", metrics.content, metrics.content_mean),
        ("style", metrics.style, metrics.style_mean),
    ):
        for layer, value in values.items():
            console.out(f"{name:8} {layer:10} {value:.4f}")
        if mean is not None:
            console.out(f"{name:8} {'mean':10} {mean:.4f}")
    console.out(f"{'tv':8} {'image':10} {metrics.total_variation:.6f}")
