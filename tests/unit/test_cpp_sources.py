"""The folders of cpp/: every source is built, and each includes only what it may depend on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CPP = Path(__file__).resolve().parents[2] / "cpp"
MAY_INCLUDE = {
    "kernels": {"kernels"},
    "core": {"core", "kernels", "nst"},
    "ops": {"ops", "core", "kernels"},
    "layers": {"layers", "core", "kernels"},
    "library": {"library", "layers", "ops", "core", "kernels", "nst"},
    "python": {"layers", "ops", "core", "nst", "pybind11"},
    "include": {"nst"},
    "embed": {"nst"},
}
TORCH = {"ATen", "c10", "torch"}


def files(folder: str) -> list[Path]:
    return sorted(path for path in (CPP / folder).rglob("*") if path.suffix in (".cpp", ".h", ".inc"))


def included(path: Path) -> list[str]:
    return re.findall(r'^ *#include ["<](.+)[">]', path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_list_of_sources_is_complete():
    sources = json.loads((CPP / "build.json").read_text(encoding="utf-8"))["sources"]
    assert sources == {
        folder: sorted(path.name for path in (CPP / folder).glob("*.cpp"))
        for folder in ("kernels", "core", "ops", "layers", "library", "python")
    }


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_includes_point_one_way(folder):
    assert files(folder)
    for path in files(folder):
        own = {name.split("/")[0] for name in included(path) if "/" in name} - TORCH - {"nlohmann", "sys"}
        assert own <= MAY_INCLUDE[folder], path


def test_the_kernels_need_no_torch():
    for path in files("kernels"):
        assert not {name.split("/")[0] for name in included(path)} & TORCH, path


def test_the_module_is_linked_with_threads():
    """Before glibc 2.34 they were in a library of their own, and a module without it could not be loaded there."""
    program = (
        "from distutils.core import run_setup; (module,) = run_setup('setup.py', stop_after='init').ext_modules;"
        "print(*module.extra_compile_args, '|', *module.extra_link_args)"
    )
    around = os.environ | {"NST_BUILD_CPP": "1", "SETUPTOOLS_USE_DISTUTILS": "local"}
    command = [sys.executable, "-c", f"import setuptools; {program}"]
    done = subprocess.run(command, cwd=CPP.parent, env=around, check=True, capture_output=True, text=True)
    compiled, linked = done.stdout.splitlines()[-1].split(" | ")
    assert "-pthread" in compiled.split()
    assert "-pthread" in linked.split()
