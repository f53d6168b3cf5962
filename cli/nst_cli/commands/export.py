"""``nst export``: an extractor as a file that runs without Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli import console

__all__ = ["export"]


def export(
    extractor: Annotated[str, typer.Argument(metavar="EXTRACTOR[:k=v,…]", help="Extractor, for example vgg19.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write: .ts or .pt for TorchScript, .pt2 for torch.export.")
    ],
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Layers that the network returns, in this order.",
            show_default="those of the content and style loss",
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="PATH", help="Weights: a file, or the name of a weight set.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option(help="Format: torchscript or pt2.", show_default="by the suffix of the output")
    ] = None,
    dtype: Annotated[str, typer.Option(help="Data type of parameters and feature maps: fp32 or bf16.")] = "fp32",
) -> None:
    """Write EXTRACTOR as a file for C++ and other programs, and check that it gives the same numbers.

    torchscript: to optimize images in C++. It is the only format that gives gradients with respect to the image outside
    Python. PyTorch has deprecated TorchScript, so the file works with the torch releases that nst supports.

    pt2: to compute features only (comparing, indexing, AOTInductor), in the format that PyTorch continues to support.
    Batch, height and width are free; an image needs at least twice the stride of the deepest layer.

    The file is loaded again and compared with the live extractor at three sizes; if it differs, it is deleted. Its
    entry nst.json describes layers, input, versions, and the source and licence of the weights.

    Example:

    nst export vgg19 -o vgg19.ts
    """
    from nst_core.components.parameters import parse_spec
    from nst_core.errors import unknown_name
    from nst_core.export import check_target, export_extractor
    from nst_core.job.schema import Component
    from nst_core.plugins.attribution import naming_plugins
    from nst_core.plugins.discovery import default_registry

    form = check_target(output, format)
    if dtype not in ("fp32", "bf16"):
        raise unknown_name("dtype", dtype, ("fp32", "bf16"))
    registry, spec = default_registry(), parse_spec(extractor)
    params = {**spec.params, **({} if weights is None else {"weights": weights})}
    made = registry.create("extractor", registry.checked("extractor", Component(spec.name, params)))
    named = [layer.strip() for layer in layers.split(",")] if layers is not None else []
    with naming_plugins(registry):
        done = export_extractor(
            spec.name,
            made,
            output,
            layers=named,
            format=form.name,
            dtype=dtype,  # type: ignore[arg-type]
            registry=registry,
        )
    difference = done.difference
    sizes = ", ".join("×".join(map(str, size)) for size in difference.sizes)
    console.say(
        f"largest relative difference to the live extractor: features {difference.features:.2g}"
        + (f", image gradient {difference.gradient:.2g}" if difference.gradient is not None else "")
        + f" (batch×height×width {sizes})"
    )
    console.out(str(output))
