"""Say where the packages are, and how the native kernels are built.

`plugins/`, `cli/` and `benchmarks/` are folders of the repository, never importable names. The kernels are compiled
against the torch that they will run with: NST_BUILD_CPP=auto (the default) does so where torch and a compiler are at
hand and goes without them where not, 1 insists, 0 never tries.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import find_packages, setup

# The folders of cpp/ that the module is made of.
MODULE = ("kernels", "core", "ops", "layers", "python")
CHOICES = ("auto", "1", "0")
SETTING = os.environ.get("NST_BUILD_CPP", "auto")
if SETTING not in CHOICES:
    sys.exit(f"NST_BUILD_CPP must be one of {', '.join(CHOICES)}, not '{SETTING}'")


def without(reason: object) -> None:
    """Go on without native kernels, or stop where they are insisted on."""
    if SETTING == "1":
        sys.exit(f"NST_BUILD_CPP=1, but the native kernels cannot be built: {reason}")
    bar = "*" * 100
    print(
        f"{bar}\nnst is installed WITHOUT its native kernels and will be slower: {reason}.\nInstall torch and a "
        f"C++20 compiler, then: pip install --no-build-isolation --force-reinstall --no-deps .\n{bar}",
        file=sys.stderr,
        flush=True,
    )


def native() -> dict[str, Any]:
    """Return setup's arguments for the extension module, none where it cannot be built."""
    if SETTING == "0":
        return {}
    # pip's isolated build hides the environment that the package goes into, and its torch is the one to compile for.
    sys.path.append(sysconfig.get_path("purelib"))
    try:
        import torch
        from torch.utils.cpp_extension import BuildExtension, CppExtension
    except ImportError as error:
        without(f"torch cannot be imported ({error})")
        return {}

    class Build(BuildExtension):
        def run(self) -> None:
            try:
                super().run()
            except (Exception, SystemExit) as error:  # whatever a compiler does, the rest can be installed
                without(f"compiling failed ({type(error).__name__}: {error})")
                self.extensions = []

    root = Path("cpp")
    build = json.loads((root / "build.json").read_text(encoding="utf-8"))  # CMake reads it too
    extension = CppExtension(
        "nst_core._C",
        sources=[str(root / folder / name) for folder in MODULE for name in build["sources"][folder]],
        include_dirs=[str(root.resolve()), str((root / "include").resolve())],
        depends=[str(path) for kind in ("**/*.h", "**/*.inc", "build.json") for path in sorted(root.glob(kind))],
        extra_compile_args=[
            *build["optimized"],
            *build["flags"],
            "-DNST_API=",  # the module exports nothing of the C++ library's API
        ],
    )
    print(f"compiling the native kernels for torch {torch.__version__}", file=sys.stderr, flush=True)
    return {"ext_modules": [extension], "cmdclass": {"build_ext": Build}}


FOLDERS = {"nst_core": "nst_core", "nst_plugins": "plugins/nst_plugins", "nst_cli": "cli/nst_cli"}
FOLDERS["nst_benchmarks"] = "benchmarks/nst_benchmarks"
PACKAGES = [
    package
    for name, folder in FOLDERS.items()
    for package in [name, *(f"{name}.{inner}" for inner in find_packages(folder))]
]

setup(
    packages=PACKAGES,
    package_dir={
        "nst_plugins": "plugins/nst_plugins",
        "nst_cli": "cli/nst_cli",
        "nst_benchmarks": "benchmarks/nst_benchmarks",
    },
    package_data={
        "nst_cli.scaffolding": ["templates/*.txt"],
        "nst_core": ["py.typed"],
        "nst_core.images.samples": ["*.jpg"],
        "nst_plugins": ["py.typed", "data/*"],
        "nst_cli.report": ["templates/*"],
        "nst_cli.studio": ["static/*"],
    },
    **native(),
)
