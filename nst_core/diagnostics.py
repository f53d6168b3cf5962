"""What this installation is, and whether it works: what ``nst doctor`` shows."""

from __future__ import annotations

import platform
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

from nst_core.api import stylize
from nst_core.components import KINDS
from nst_core.errors import NstError
from nst_core.job.schema import Component
from nst_core.ops import conv_stack, gram, native
from nst_core.ops.parity import convolutions_fault, gram_fault
from nst_core.plugins.discovery import default_registry
from nst_core.runtime.device import choose_device, choose_dtype, native_bfloat16
from nst_core.runtime.limits import processors
from nst_core.runtime.threads import threads_to_use
from nst_core.version import commit
from nst_core.weights import architectures, home, scan_embedded, scan_store, store_folder

__all__ = ["checks", "diagnose", "machine"]


def machine() -> dict[str, Any]:
    """Return versions, device, precision, kernels and threads."""
    device = choose_device("auto")
    dtype = choose_dtype("auto", device)
    found = native()
    return {
        "versions": {
            **{name: version(name) for name in ("nst", "torch", "torchvision", "pluggy", "pillow", "safetensors")},
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        "commit": commit(),
        "device": str(device),
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "threads": threads_to_use(),
        "processors": asdict(processors()),
        "precision": "bf16" if dtype == torch.bfloat16 else "fp32",
        "precision_reason": native_bfloat16(device)[1],
        "kernels": "native" if found.module else "reference",
        "kernels_reason": found.reason,
        "build": found.module.build_info() if found.module else None,
    }


def diagnose() -> dict[str, Any]:
    """Return everything: :func:`machine`, where the weights are, plugins, and :func:`checks`."""
    registry = default_registry()
    stored, failures = scan_store()
    embedded, broken = scan_embedded(architectures(e.cls for e in registry.entries("extractor")).values())
    return {
        **machine(),
        "weights_folder": str(store_folder()),
        "weights": [
            {"name": s.name, "architecture": s.architecture, "path": str(s.path), "source": s.source}
            for s in (*stored, *embedded)
        ],
        "weights_failures": [str(failure) for failure in (*failures, *broken)],
        "extractor": _extractor(),
        "plugins": len(registry.entries()),
        "plugin_failures": [f"{f.origin}: {f.error}" for f in registry.failures],
        "checks": checks(),
    }


def _extractor() -> str:
    """Say which network the default extractor is on this machine."""
    try:
        name = default_registry().preset().extractor
        extractor = default_registry().create("extractor", Component(name))
        pinned = extractor.pinned()
    except NstError as error:
        return f"the default extractor does not work: {error}"
    if pinned is None:
        return name
    remark = extractor.remark()
    return f"{name} is {pinned.name}" + (f": {remark}" if remark else "")


def checks() -> dict[str, str]:
    """Try what a run needs; return for each "" or what is wrong."""
    tried = {
        "plugins": _plugins,
        "gram": lambda: gram_fault(gram),
        "convolutions": lambda: convolutions_fault(conv_stack),
        "store can be written": _store,
    }
    device = choose_device("auto")
    if device.type != "cpu":  # the kernels above are those of the processor
        tried[f"a small run on {device}"] = lambda: _small_run(device)
    results = {}
    for name, attempt in tried.items():
        try:
            results[name] = attempt()
        except Exception as error:  # whatever is broken, the report goes on
            results[name] = f"{type(error).__name__}: {error}"
    return results


def _plugins() -> str:
    missing = {kind.name for kind in KINDS.values() if kind.required} - {e.kind for e in default_registry().entries()}
    return f"there is no {' and no '.join(sorted(missing))}" if missing else ""


def _small_run(device: torch.device) -> str:
    """Make a few evaluations of the default job on a device."""
    generator = torch.Generator().manual_seed(0)
    content, style = torch.rand(2, 1, 3, 64, 64, generator=generator)
    stylize(content, style, size=64, steps=4, device=str(device))
    return ""


def _store() -> str:
    place = home()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        raise NstError(f"{place}: {error.strerror}; set NST_HOME to another folder") from error
