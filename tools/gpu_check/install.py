"""Whether a wheel can be built and used without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gpu_check.places import ROOT
from gpu_check.report import Report, short


def install(report: Report) -> None:
    """The package built from the working tree without a network, in a folder of its own, and a picture made with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
        # A build leaves its folders where it is made.
        shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(".*", "shared", "build", "*.so"))
        began = time.perf_counter()
        around = os.environ | {"NST_BUILD_CPP": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        target = ["--target", str(folder / "site"), str(folder / "source")]
        done = subprocess.run([*pip, *target], env=around, capture_output=True, text=True, check=False)
        report.add("seconds of pip install", short(time.perf_counter() - began))
        if done.returncode:
            report.add("pip install failed", done.stderr.strip()[-600:])
            return
        outside = [p for p in os.environ["PYTHONPATH"].split(os.pathsep) if not Path(p).is_relative_to(ROOT)]
        paths = [str(folder / "site"), *(p for p in outside if not list(Path(p).glob("nst-*.dist-info")))]
        around |= {"PYTHONPATH": os.pathsep.join(paths), "NST_NATIVE": "0"}
        samples = ROOT / "nst_core" / "images" / "samples"
        content, style = sorted(samples.glob("*.jpg"))[:2]
        picture = report.file.parent / "installed.png"
        command = [sys.executable, "-m", "nst_cli", "run", str(content), str(style), "--output", str(picture)]
        command += ["--device", report.device, "--extractor", "vgg19-lite", "--size", "128", "--steps", "20"]
        began = time.perf_counter()
        done = subprocess.run(command, env=around, cwd=folder, capture_output=True, text=True, check=False)
        report.add("seconds of a first nst run", short(time.perf_counter() - began))
        report.add("nst run", done.stderr.strip()[-600:] if done.returncode else picture.name)
