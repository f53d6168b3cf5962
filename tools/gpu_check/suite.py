"""The tests of the repository, in several processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from gpu_check.places import ROOT
from gpu_check.processes import ended, started
from gpu_check.report import Report

# What needs a browser, a cluster or a compiler, and would cost the GPU's time.
LEFT_OUT = ("test_studio.py", "test_ray.py", "test_packaging.py", "test_gpu_tool.py", "test_instruction_sets.py")


def tests(report: Report) -> None:
    """The whole suite, which computes on the GPU wherever it names no device, in processes that share the files.

    The end of their output is in pytest.txt.
    """
    files = sorted(p for p in (ROOT / "tests").rglob("test_*.py") if p.name not in LEFT_OUT)
    if not report.gpu:
        files = [path for path in files if path.parent.name == "runtime"]
    shares = shared_out(files, min(12, max(1, (os.cpu_count() or 1) - 2)))
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "no:xdist"]
    around = os.environ | {"OMP_NUM_THREADS": "1"}
    outputs = [report.file.parent / f"pytest-{number}.txt" for number in range(len(shares))]
    processes = []
    for share, output in zip(shares, outputs, strict=True):
        with output.open("w", encoding="utf-8") as file:
            command = [*plain, "--basetemp", str(output.with_suffix(".tmp")), *map(str, share)]
            processes.append(started(command, env=around, stdout=file, stderr=subprocess.STDOUT))
    end = time.monotonic() + max(5.0, report.left - 5)
    codes = [ended(process, max(0.1, end - time.monotonic())) for process in processes]
    kept = []
    for number, (code, share, output) in enumerate(zip(codes, shares, outputs, strict=True)):
        lines = output.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
        output.unlink()
        shutil.rmtree(output.with_suffix(".tmp"), ignore_errors=True)
        kept += [f"process {number}: {len(share)} files", *lines, ""]
        report.row("tests", files=len(share), code="time limit" if code is None else code, end=(lines or [""])[-1])
        for line in lines:
            if line.startswith(("FAILED", "ERROR")):
                report.row("failures", test=line[:240])
    (report.file.parent / "pytest.txt").write_text("\n".join(kept), encoding="utf-8")


def shared_out(files: list[Path], count: int) -> list[list[Path]]:
    """Share files out such that each share has about as many bytes: what a file takes is roughly what is in it."""
    shares: list[list[Path]] = [[] for _ in range(min(count, len(files)))]
    sizes = [0] * len(shares)
    for path in sorted(files, key=lambda path: -path.stat().st_size):
        least = sizes.index(min(sizes))
        shares[least].append(path)
        sizes[least] += path.stat().st_size
    return shares
