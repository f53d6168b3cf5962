"""Kernels in 8 bits: whole numbers from -127 to 127, and the scales that turn them back into weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import torch
from torch import Tensor

from nst_core.errors import WeightsError

__all__ = ["SCALE_SUFFIX", "dequantize", "dequantize_all", "quantize"]

SCALE_SUFFIX = ".scale"
"""A file holds the scales of the 8-bit tensor KEY under ``KEY.scale``."""

_LARGEST = 127
_LEVELS = range(64, 191)


def quantize(weights: Tensor, scales: tuple[int, ...], levels: Iterable[int] = _LEVELS) -> tuple[Tensor, Tensor]:
    """Round weights to 8 bits, with a scale for every block.

    The scale of a block is chosen among ``max |w| / n``, where n is the level that its greatest magnitude gets. Beyond
    127 the greatest magnitudes are clipped so that the others are finer. The n with the least squared error is taken.
    Weights that are multiples of a number, at most 64 of it, are exact up to the rounding of float32.

    Args:
        weights: any shape, floating-point and finite.
        scales: number of blocks along every dimension; it divides the size of that dimension.
        levels: the n to choose from, all positive.

    Returns:
        int8 tensor of the shape of ``weights``, and float32 scales of shape ``scales``. A block of zeros has scale 0.

    Raises:
        WeightsError: the number of blocks does not divide the size of a dimension.
    """
    _check_blocks(tuple(weights.shape), scales, "the tensor")
    blocks = _in_blocks(weights.float(), scales)
    within = tuple(range(1, blocks.ndim, 2))
    greatest = blocks.abs().amax(within, keepdim=True)
    least = torch.full_like(greatest, torch.inf)
    best = torch.zeros_like(greatest)
    for level in levels:
        scale = greatest / level
        error = (_rounded(blocks, scale).mul_(scale).sub_(blocks)).square_().sum(within, keepdim=True)
        better = error < least
        least, best = torch.where(better, error, least), torch.where(better, scale, best)
    return _rounded(blocks, best).reshape(weights.shape).to(torch.int8), best.reshape(scales)


def dequantize(quantized: Tensor, scales: Tensor) -> Tensor:
    """Multiply every block of an 8-bit tensor by its scale.

    Args:
        quantized: int8, any shape.
        scales: floating-point, as many dimensions; each size divides that of ``quantized``.

    Returns:
        float32 tensor of the shape of ``quantized``.

    Raises:
        WeightsError: the shapes do not fit.
    """
    shape = tuple(scales.shape)
    _check_blocks(tuple(quantized.shape), shape, "the tensor")
    spread = scales.float().reshape([size for blocks in shape for size in (blocks, 1)])
    return (_in_blocks(quantized.float(), shape) * spread).reshape(quantized.shape)


def dequantize_all(tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Replace every 8-bit tensor that has scales beside it, and the scales, by weights.

    Args:
        tensors: tensors by key, as a file holds them: KEY in int8 with ``KEY.scale``, all others as they are.
        source: name of the file, for the message.

    Returns:
        The tensors by key, without scales; those that were in 8 bits in float32.

    Raises:
        WeightsError: scales are not floating-point, or their shape does not fit; the message names the tensor.
    """
    scaled = {key for key, t in tensors.items() if t.dtype == torch.int8 and f"{key}{SCALE_SUFFIX}" in tensors}
    result = {}
    for key, tensor in tensors.items():
        if key in scaled:
            scales = tensors[f"{key}{SCALE_SUFFIX}"]
            if not scales.is_floating_point():
                raise WeightsError(f"{source}: the scales of tensor {key} must be floating-point numbers")
            _check_blocks(tuple(tensor.shape), tuple(scales.shape), f"{source}: tensor {key}")
            result[key] = dequantize(tensor, scales)
        elif key.removesuffix(SCALE_SUFFIX) not in scaled:
            result[key] = tensor
    return result


def _rounded(blocks: Tensor, scale: Tensor) -> Tensor:
    return (blocks / scale.clamp(min=torch.finfo(torch.float32).tiny)).round_().clamp_(-_LARGEST, _LARGEST)


def _in_blocks(tensor: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """Split every dimension in two: blocks, and the places within a block."""
    return tensor.reshape(
        [size for all_, count in zip(tensor.shape, blocks, strict=True) for size in (count, all_ // count)]
    )


def _check_blocks(shape: tuple[int, ...], blocks: tuple[int, ...], what: str) -> None:
    fits = len(shape) == len(blocks) and all(b > 0 and size % b == 0 for size, b in zip(shape, blocks, strict=True))
    if not fits or not prod(shape):
        raise WeightsError(
            f"{what} of shape {list(shape)} cannot have scales of shape {list(blocks)}: they need as many dimensions, "
            "each of a size that divides that of the tensor"
        )
