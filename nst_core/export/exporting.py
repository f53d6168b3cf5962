"""From an extractor to a file that was read again and compared."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from nst_core.components import Extractor
from nst_core.components.registry import Registry
from nst_core.errors import ExportError, unknown_name
from nst_core.export.comparison import Difference, compare
from nst_core.export.formats import Format, format_for
from nst_core.export.metadata import describe
from nst_core.files import atomic_write, check_writable
from nst_core.plugins.discovery import default_registry

__all__ = ["Exported", "check_target", "export_extractor"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: of the file.
        metadata: what it says about itself.
        difference: to the live extractor.
    """

    path: Path
    metadata: dict[str, Any]
    difference: Difference


def export_extractor(
    name: str,
    extractor: Extractor,
    path: str | os.PathLike[str],
    *,
    layers: Sequence[str] = (),
    format: str | None = None,  # noqa: A002 - as on the command line
    dtype: Literal["fp32", "bf16"] = "fp32",
    registry: Registry | None = None,
) -> Exported:
    """Write an extractor as a file for C++, read it again, and compare it with the extractor on three sizes.

    The network takes ``(B, 3, H, W)``, RGB in [0, 1], and returns the feature maps of ``layers`` in this order.

    Args:
        name: registered name of the extractor, noted in the file.
        extractor: any; nothing beyond its interface is needed. One that chooses among others is exported as the one
            that it chose, under its name.
        path: of the file; an existing one is replaced only once the new one has proved right.
        layers: what the network returns; by default the layers of both presets' losses, from shallow to deep.
        format: "torchscript" or "pt2"; by default the suffix says it.
        dtype: of parameters and feature maps, "fp32" or "bf16".
        registry: where the extractor that was chosen is looked up; everything installed by default.

    Raises:
        UnknownNameError: a layer, format or dtype does not exist.
        ExportError: the path is not usable, the network cannot be compiled, or the file's numbers differ.
        WeightsError: the weights are missing or damaged.
    """
    target = Path(path)
    form = check_target(target, format)
    if dtype not in _DTYPES:
        raise unknown_name("dtype", dtype, _DTYPES)
    pinned = extractor.pinned()
    if pinned is not None:
        name, extractor = pinned.name, (registry or default_registry()).create("extractor", pinned)
    chosen = _chosen(extractor, layers)
    network = extractor.build(chosen).requires_grad_(False).to("cpu", _DTYPES[dtype])
    network = network.to(memory_format=form.memory_format)
    stride = max(extractor.taps()[layer].stride for layer in chosen)
    metadata = describe(name, extractor, network, chosen, dtype, form.smallest(stride))
    try:
        with atomic_write(target, form.suffixes[0]) as temporary:
            difference = _written(form, network, stride, metadata, temporary)
    except OSError as error:
        raise ExportError(f"'{target}' could not be written: {error.strerror or error}") from error
    return Exported(target, metadata, difference)


def check_target(path: Path, format: str | None) -> Format:  # noqa: A002
    """Check that a file could be written, before any work starts, and return its format.

    Raises:
        UnknownNameError: there is no such format.
        ExportError: the suffix does not fit, or the folder cannot be written to.
    """
    form = format_for(path, format)
    check_writable(path, ExportError)
    return form


def _chosen(extractor: Extractor, layers: Sequence[str]) -> tuple[str, ...]:
    known = extractor.taps()
    wanted = {*extractor.content_layers, *extractor.style_layers}
    chosen = tuple(layers) or tuple(layer for layer in known if layer in wanted)
    for layer in chosen:
        if chosen.count(layer) > 1:
            raise ExportError(f"layer '{layer}' is named twice")
    if not chosen:
        raise ExportError("this extractor has no default layers; name some with --layers")
    return chosen


def _written(form: Format, network: torch.nn.Module, stride: int, metadata: dict[str, Any], path: Path) -> Difference:
    form.write(network, stride, json.dumps(metadata, indent=2), path)
    loaded, text = form.read(path)
    if json.loads(text) != metadata:
        raise ExportError("the exported file is wrong: its metadata does not come back as it was written")
    return compare(loaded, network, metadata, stride, gradients=form.gradients)
