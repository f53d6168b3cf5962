"""Choosing the device and the precision of the network."""

from __future__ import annotations

import torch

from nst_core.errors import DeviceError
from nst_core.job.schema import Precision

__all__ = ["choose_device", "choose_dtype", "memory_format", "native_bfloat16"]


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:N" or "mps" into a device of this machine.

    Raises:
        DeviceError: no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device '{name}'; use auto, cpu, cuda, cuda:N or mps") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"device '{name}' is not supported; use auto, cpu, cuda, cuda:N or mps")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"there is no device '{name}' here ({torch.cuda.device_count()} CUDA devices); use --device cpu or auto"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("there is no device 'mps' here; use --device cpu or auto")
    return device


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Turn a precision into the dtype of the network; "auto" takes bfloat16 where the device computes in it.

    Raises:
        DeviceError: bf16 was asked for where the device cannot compute in it at all.
    """
    if precision == "fp32":
        return torch.float32
    native, why = native_bfloat16(device)
    if precision == "bf16" and device.type != "cpu" and not native:
        raise DeviceError(f"device '{device}' does not compute in bf16 ({why}); use --precision fp32 or auto")
    return torch.bfloat16 if precision == "bf16" or native else torch.float32


def native_bfloat16(device: torch.device) -> tuple[bool, str]:
    """Say whether a device computes in bfloat16 itself, and how one knows."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return (major, minor) >= (8, 0), f"CUDA capability {major}.{minor}; bf16 begins with 8.0"
    if device.type == "cpu":
        has = torch.cpu.get_capabilities()
        for key, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX512-BF16")):
            if has.get(key):
                return True, f"the processor has {name}"
        return False, "the processor has neither AMX nor AVX512-BF16"
    return False, f"not tried on {device.type}"


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the layout that convolutions are fastest in."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last
