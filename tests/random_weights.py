"""Weights of VGG-19 at its full size that nobody trained: for speed, memory and everything else but pictures."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from nst_core.weights import TORCHVISION
from nst_plugins.extractors.vgg import Vgg19

__all__ = ["save_random_vgg19"]


def save_random_vgg19(path: Path) -> Path:
    """Write a weight set of VGG-19 with seeded random numbers that keep the signal alive; return its path."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for key, shape in Vgg19.architecture.shapes.items():
        scale = 0.1 if len(shape) == 1 else (2 / (9 * shape[1])) ** 0.5
        tensors[key] = torch.randn(shape, generator=generator) * scale
    rms = dict.fromkeys(Vgg19.architecture.calibrated_layers, 1.0)
    save_file(tensors, path, {"architecture": "vgg19", "input": str(TORCHVISION), "layer_rms": json.dumps(rms)})
    return path
