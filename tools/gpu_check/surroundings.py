"""What the sections run in: the packages of a bare checkout, and the small ones that are missing."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from gpu_check.places import ROOT
from gpu_check.processes import finished

FOLDERS = [ROOT, *(ROOT / name for name in ("plugins", "cli", "benchmarks", "tests"))]

# Distributions by module. They are installed without their dependencies, which would be another torch.
NEEDED = {name: name for name in ("torch", "torchvision", "numpy", "safetensors", "pluggy", "jinja2", "filelock")} | {
    **{name: name for name in ("platformdirs", "psutil", "typer", "shellingham", "rich", "tifffile", "pytest")},
    **{name: name for name in ("iniconfig", "packaging", "pygments", "hypothesis", "sortedcontainers", "xdist")},
    "PIL": "pillow",
    "tomli_w": "tomli-w",
    "pytorch_msssim": "pytorch-msssim",
    "xdist": "pytest-xdist",
    "execnet": "execnet",
    "markdown_it": "markdown-it-py",
    "mdurl": "mdurl",
    "attr": "attrs",
}


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the checkout's packages are found, and the built-in plugin with them.

    Args:
        folder: where what an installation would say about them is written.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    for extra, needed in project["optional-dependencies"].items():
        lines = (requirement.partition(";") for requirement in needed)
        about += "".join(f'Requires-Dist: {name.strip()}; extra == "{extra}"\n' for name, _, _ in lines)
    (info / "METADATA").write_text(about, encoding="utf-8")
    points = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in e.items()) for group, e in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points), encoding="utf-8")
    found = dict(os.environ)
    paths = [*map(str, FOLDERS), str(folder), *filter(None, [found.get("PYTHONPATH")])]
    found["PYTHONPATH"] = os.pathsep.join(paths)
    compiled = any((ROOT / "nst_core" / f"_C{suffix}").exists() for suffix in importlib.machinery.EXTENSION_SUFFIXES)
    if not compiled:
        found["NST_NATIVE"] = "0"
    found["NST_HOME"] = str(folder / "home")
    return found


def set_up(folder: Path, kernels: bool) -> dict[str, Any]:
    """Get what is missing into a folder, as far as that is possible, and say what is not there even so.

    Args:
        folder: becomes part of the path.
        kernels: whether the kernels for the CPU are compiled, in place.
    """
    began = time.monotonic()
    around = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    found: dict[str, Any] = {"missing at first": _missing(around)}
    wanted = [NEEDED[name] for name in found["missing at first"] if name not in ("torch", "torchvision")]
    if wanted:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "0", "--timeout", "5"]
        finished([*pip, "--target", str(folder), *wanted], 90, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found["missing"] = _missing(around)
    if found["missing"]:
        print(f"these modules are MISSING, and what needs them will fail: {', '.join(found['missing'])}", flush=True)
    if kernels:
        build = [sys.executable, "setup.py", "build_ext", "--inplace"]
        code = finished(build, 400, env=os.environ | {"NST_BUILD_CPP": "1"}, stdout=subprocess.DEVNULL)
        found["kernels"] = "compiled" if code == 0 else f"not compiled: {'time limit' if code is None else code}"
    found["seconds"] = round(time.monotonic() - began, 1)
    print(f"set-up: {found['seconds']} s", flush=True)
    return found


def _missing(around: dict[str, str]) -> list[str]:
    """Return the modules that cannot be found in an environment."""
    code = f"import importlib.util as u; print(*[n for n in {list(NEEDED)!r} if u.find_spec(n) is None])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=around, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()
