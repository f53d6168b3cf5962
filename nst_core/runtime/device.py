"""Choosing the device and the precision of the network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from nst_core.errors import DeviceError
from nst_core.job.schema import Precision

__all__ = ["choose_device", "choose_dtype", "convolution_precision", "memory_format", "native_bfloat16"]


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
        DeviceError: bf16 or tf32 was asked for where the device cannot compute in it at all.
    """
    if precision == "fp32":
        return torch.float32
    native, why = native_bfloat16(device)
    if precision == "tf32":
        if device.type == "cuda" and native:  # GPUs that have the one have the other
            return torch.float32
        why = why.replace("bf16", "tf32") if device.type == "cuda" else "GPUs from NVIDIA do"
        raise DeviceError(f"device '{device}' does not compute in tf32 ({why}); use --precision fp32 or auto")
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


class _Convolutions:
    """What torch does with convolutions of float32 on GPUs, a setting of the process, while some thread wants it so.

    What it was is put back by the last one: of two that overlap, the second would else put back the first one's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks, self._before = 0, ""

    @contextmanager
    def computed(self, how: str) -> Iterator[None]:
        cudnn: Any = torch.backends.cudnn  # its types do not know the settings of single operators
        setting = cudnn.conv
        with self._lock:
            if not self._blocks:
                self._before = setting.fp32_precision
            self._blocks += 1
            setting.fp32_precision = how
        try:
            yield
        finally:
            with self._lock:
                self._blocks -= 1
                if not self._blocks:
                    setting.fp32_precision = self._before


_CONVOLUTIONS = _Convolutions()


def convolution_precision(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """Compute convolutions of float32 on CUDA as a precision has it: in TF32 if it is ``tf32``, and else exactly.

    Torch itself takes TF32 unless told otherwise, and then ``fp32`` would not be what it says: the first gradient of an
    image is off by 5 %. Products of matrices, and so the statistics, are exact by torch's own default. The setting is
    that of the process: runs in several threads at once should have the same precision. A network in bfloat16 has no
    such convolutions, and it stays as it is.
    """
    if device.type != "cuda" or precision == "bf16":
        return nullcontext()
    return _CONVOLUTIONS.computed("tf32" if precision == "tf32" else "ieee")


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the layout that convolutions are fastest in."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last
