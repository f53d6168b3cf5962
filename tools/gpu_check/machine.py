"""What the machine is: GPU, driver, memory, versions."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess

from gpu_check.report import Report, short


def machine(report: Report) -> None:
    """The machine: GPU, driver, memory, versions."""
    import psutil
    import torch

    from nst_core import default_registry
    from nst_core.ops import native

    report.add("python", platform.python_version())
    report.add("torch", torch.__version__)
    report.add("cpus", os.cpu_count())
    report.add("torch threads", torch.get_num_threads())
    report.add("compiler", shutil.which("g++") or "none")
    report.add("memory in GB", short(psutil.virtual_memory().total / 1e9))
    report.add("native kernels", native().reason or "in use")
    report.add("torch.cpu.get_capabilities", hasattr(torch.cpu, "get_capabilities"))
    report.add("plugins that failed", [f"{f.origin}: {f.error}" for f in default_registry().failures])
    report.add("extractors", [entry.name for entry in default_registry().entries("extractor")])
    report.add("cuda", torch.version.cuda)
    report.add("cuda is available", torch.cuda.is_available())
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        report.add("gpu", properties.name)
        report.add("gpu memory in GB", short(properties.total_memory / 1e9))
        report.add("capability", f"{properties.major}.{properties.minor}")
        report.add("multiprocessors", properties.multi_processor_count)
        report.add("cudnn", torch.backends.cudnn.version())
        query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv,noheader"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20)
            report.add("driver, clock, power", done.stdout.strip())
