"""A network of two convolutions as the weight store sees it, for tests of logic."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import torch
from torch import Tensor

from nst_core.weights import Architecture, KeyNaming, OfficialWeights, Preprocessing

SHAPES = {
    "features.0.weight": (4, 3, 3, 3),
    "features.0.bias": (4,),
    "features.2.weight": (5, 4, 3, 3),
    "features.2.bias": (5,),
}

BY_LAYER = {key: key.replace("features.0", "one").replace("features.2", "two") for key in SHAPES}


def measure(tensors: dict[str, Tensor], preprocessing: Preprocessing) -> dict[str, float]:
    """Something that depends on the weights and on the preprocessing."""
    return {
        "one": float(tensors["features.0.weight"].std()) * preprocessing.std[0],
        "two": float(tensors["features.2.weight"].std()),
    }


TOY = Architecture(
    name="toy",
    key_naming="toy",
    shapes=SHAPES,
    input_weight="features.0.weight",
    calibrated_layers=("one", "two"),
    measure_rms=measure,
    other_namings=(KeyNaming(BY_LAYER, "caffe"),),
)


def tensors(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {key: torch.randn(shape, generator=generator) for key, shape in SHAPES.items()}


def with_official(file: Path) -> Architecture:
    """The toy network, whose official weights are downloaded from ``file``."""
    official = OfficialWeights(
        url=file.as_uri,
        filename=file.name,
        sha256_prefix=hashlib.sha256(file.read_bytes()).hexdigest()[:8],
        megabytes=1,
        source="the toy maker",
        license="CC0-1.0",
    )
    return dataclasses.replace(TOY, official=official)


def same_tensors(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Say whether two sets of tensors have the same keys and the same values."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
