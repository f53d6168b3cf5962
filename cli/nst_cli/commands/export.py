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
        Path, typer.Option("-o", "--output", help="Where to: .ts or .pt for TorchScript, .pt2 for torch.export.")
    ],
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="What the network returns, in this order.",
            show_default="the layers of the content and style loss",
        ),
    ] = None,
    weights: Annotated[str | None, typer.Option(metavar="PATH", help="Weights: a file or a set's name.")] = None,
    format: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option(help="torchscript or pt2.", show_default="by the suffix of the output")
    ] = None,
    dtype: Annotated[str, typer.Option(help="Of parameters and feature maps: fp32 or bf16.")] = "fp32",
) -> None:
    """Write EXTRACTOR as a file for C++ and other programs, and check that it gives the same numbers.

    torchscript: choose this to optimise images in C++. It is the only format whose networks give gradients with
    respect to the image outside Python. TorchScript is deprecated by PyTorch (since 2.14 every call of it warns) and
    will be removed in a later release; torch.export, which succeeds it, makes graphs for inference only. So the
    file belongs to the torch releases that nst supports, and everything nst calls of it is in one module.

    pt2: choose this to compute features only (comparing, indexing, AOTInductor), with what PyTorch will go on
    supporting. Height, width and batch are free, each image at least twice the stride of the deepest layer.

    The file is loaded again and compared with the live extractor on three sizes; one that differs is not kept. Its
    extra entry nst.json says layers, scale, source and licence of the weights, versions, and how images go in.

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
