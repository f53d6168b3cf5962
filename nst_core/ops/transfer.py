"""Copies between the CPU and a device that computes on its own: as few as possible, for each copy back waits for it."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["to_device", "to_host"]


def to_device(numbers: Tensor, device: torch.device) -> Tensor:
    """Return a small tensor of the CPU on a device, without waiting for what the device still has to do.

    Args:
        numbers: on the CPU; any shape and dtype. Nobody changes them afterwards.
        device: where they go; on the CPU they are returned as they are.
    """
    if device.type == "cuda":  # from pageable memory the copy would wait
        return numbers.pin_memory().to(device, non_blocking=True)
    return numbers.to(device)


def to_host(*values: Tensor) -> tuple[Tensor, ...]:
    """Return tensors of one device on the CPU, with a single copy; the device has then done all it was told to.

    Args:
        values: any shapes; floating point, or bool. On the CPU they are returned as they are.

    Returns:
        In order, with their shapes and dtypes.
    """
    if all(value.device.type == "cpu" for value in values):
        return values
    widest = torch.float32
    for value in values:
        widest = torch.promote_types(widest, value.dtype)
    packed = _copied(torch.cat([value.detach().reshape(-1).to(widest) for value in values]))
    parts = torch.split_with_sizes(packed, [value.numel() for value in values])
    return tuple(part.reshape(value.shape).to(value.dtype) for part, value in zip(parts, values, strict=True))


def _copied(packed: Tensor) -> Tensor:
    """Make the copy. Nothing else in a step of the engine may wait for the device."""
    return packed.cpu()
