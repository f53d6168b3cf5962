"""Say where the packages are, and how the native kernels are built.

`plugins/`, `cli/` and `benchmarks/` are folders of the repository, never importable names. The kernels are compiled
against the torch that they will run with: NST_BUILD_CPP=auto (the default) does so where torch and a compiler are at
hand and goes without them where not, 1 insists, 0 never tries. Wheels and source archives made from git record the
commit, and wheels an SBOM of what they bundle.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

# The folders of cpp/ that the module is made of, those that take longest first.
MODULE = ("python", "ops", "layers", "core", "kernels")
# Where one source is written for each of them.
UNITS = Path("build", "units")
CHOICES = ("auto", "1", "0")
SETTING = os.environ.get("NST_BUILD_CPP", "auto")
if SETTING not in CHOICES:
    sys.exit(f"NST_BUILD_CPP must be one of {', '.join(CHOICES)}, not '{SETTING}'")


# Functions of files that are no packages here.
VERSIONING = runpy.run_path("nst_core/version.py")
RECORD = Path("nst_core", VERSIONING["RECORD"])
SBOM = runpy.run_path("build_support/sbom.py")
# Of what is compiled in, for the SBOM.
COMPILED: dict[str, str] = {}
# What editors, desktops and Python leave in a package's folders is no data of it. MANIFEST.in has the same names.
LEFTOVERS = [".*", "*~", "#*#", "*.bak", "*.orig", "*.rej", "*.swp", "*.py[cod]", "Thumbs.db", "desktop.ini"]


def commit() -> str:
    """Return the commit that is built, from the source archive's record or from git."""
    if RECORD.exists():
        return RECORD.read_text(encoding="ascii").strip()
    return str(VERSIONING["commit_of"](Path.cwd())) if Path(".git").exists() else ""


def record_commit(folder: str) -> None:
    """Write the commit where a package lies."""
    path = Path(folder) / RECORD
    found = commit()
    path.unlink(missing_ok=True)  # not into a hard link
    if found:
        path.write_text(found + "\n", encoding="ascii")


class Archive(sdist):
    """A source archive that knows its commit."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Add the commit to what is packed."""
        super().make_release_tree(base_dir, files)
        record_commit(base_dir)


class Packages(build_py):
    """Packages that know their commit, unless they stay in the checkout."""

    def run(self) -> None:
        """Add the commit to what is copied, to a folder without what the sources no longer have."""
        if not self.editable_mode:
            self.remove_stale()
        super().run()
        if not self.editable_mode:
            record_commit(self.build_lib)

    def remove_stale(self) -> None:
        """Delete what an earlier build left in the build folder and this one does not make; a wheel takes all of it."""
        made = [*self.get_outputs(include_bytecode=False)]
        if self.distribution.has_ext_modules():
            made += self.get_finalized_command("build_ext").get_outputs()
        kept = {Path(name) for name in made}
        for name in FOLDERS:
            for path in sorted(Path(self.build_lib, name).rglob("*")):
                if path.is_file() and path not in kept:
                    path.unlink()


class Wheel(bdist_wheel):
    """A wheel with an SBOM, where PEP 770 wants it."""

    def run(self) -> None:
        """Build it; what a build that failed has laid out would be in the way of the next one."""
        try:
            super().run()
        except BaseException:
            shutil.rmtree(self.bdist_dir, ignore_errors=True)
            raise

    def write_wheelfile(self, wheelfile_base: str, *arguments: str, **named: str) -> None:
        """Add the SBOM once everything is there; an editable installation bundles nothing."""
        super().write_wheelfile(wheelfile_base, *arguments, **named)
        root = Path(wheelfile_base).parent
        if (root / "nst_core").is_dir():
            found = SBOM["document"](root, self.distribution.get_version(), COMPILED, commit())
            path = Path(wheelfile_base) / "sboms" / "nst.cdx.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def pybind11(include: Path) -> str:
    """Return the version of the pybind11 that comes with torch."""
    text = (include / "pybind11" / "detail" / "common.h").read_text(encoding="utf-8")
    parts = [re.search(rf"define PYBIND11_VERSION_{part} (\w+)", text) for part in ("MAJOR", "MINOR", "MICRO")]
    return ".".join(part[1] for part in parts if part)


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


def units(sources: list[str]) -> list[str]:
    """Write a source for each folder that includes those in it, and return their paths.

    Most of the time goes into torch's headers, which are then read once for a folder and not once for a file.
    """
    UNITS.mkdir(parents=True, exist_ok=True)
    folders: dict[Path, list[str]] = {}
    for source in map(Path, sources):
        folders.setdefault(source.parent, []).append(f'#include "{source.resolve().as_posix()}"\n')
    made = []
    for folder, lines in folders.items():
        path, text = UNITS / f"{folder.name}.cpp", "".join(lines)
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # an older one need not be compiled again
            path.write_text(text, encoding="utf-8")
        made.append(str(path))
    return made


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

    torch_folder = Path(torch.__file__).parent
    COMPILED.update(pytorch=torch.__version__.partition("+")[0], pybind11=pybind11(torch_folder / "include"))

    class Build(BuildExtension):
        def run(self) -> None:
            try:
                super().run()
            except (Exception, SystemExit) as error:  # whatever a compiler does, the rest can be installed
                without(f"compiling failed ({type(error).__name__}: {error})")
                for stale in map(Path, self.get_outputs()):  # kernels of earlier sources must not go into a wheel
                    if not self.inplace:
                        stale.unlink(missing_ok=True)
                self.extensions = []

        def build_extension(self, ext: Any) -> None:
            # torch always compiles. Kernels in the build folder of a wheel are kept if they are newer than all of this.
            made = Path(self.get_ext_fullpath(ext.name))
            parts = (*ext.sources, *ext.depends, "setup.py", torch_folder / "version.py")
            if self.inplace or not made.exists() or made.stat().st_mtime <= max(Path(p).stat().st_mtime for p in parts):
                sources, ext.sources = ext.sources, units(ext.sources)
                try:
                    super().build_extension(ext)
                finally:
                    ext.sources = sources

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
            "-g0",  # Python's own flags may ask for debugging information, of which there would be 30 times as much
            "-DNST_API=",  # the module exports nothing of the C++ library's API
            "-pthread",
        ],
        extra_link_args=["-pthread"],  # before glibc 2.34 threads were in a library of their own
    )
    print(f"compiling the native kernels for torch {torch.__version__}", file=sys.stderr, flush=True)
    return {"ext_modules": [extension], "build_ext": Build}


FOLDERS = {"nst_core": "nst_core", "nst_plugins": "plugins/nst_plugins", "nst_cli": "cli/nst_cli"}
FOLDERS["nst_benchmarks"] = "benchmarks/nst_benchmarks"
PACKAGES = [
    package
    for name, folder in FOLDERS.items()
    for package in [name, *(f"{name}.{inner}" for inner in find_packages(folder))]
]

COMMANDS = {"bdist_wheel": Wheel, "build_py": Packages, "sdist": Archive}
EXTENSION = native()
if EXTENSION:
    COMMANDS["build_ext"] = EXTENSION.pop("build_ext")

setup(
    packages=PACKAGES,
    package_dir={
        "nst_plugins": "plugins/nst_plugins",
        "nst_cli": "cli/nst_cli",
        "nst_benchmarks": "benchmarks/nst_benchmarks",
    },
    package_data={
        "nst_cli.scaffolding": ["templates/*.txt"],
        "nst_core": ["py.typed", RECORD.name],
        "nst_core.images.samples": ["*.jpg"],
        "nst_plugins": ["py.typed", "data/*"],
        "nst_cli.report": ["templates/*"],
        "nst_cli.studio": ["static/*"],
    },
    exclude_package_data={"": [pattern for name in LEFTOVERS for pattern in (name, f"*/{name}")]},
    cmdclass=COMMANDS,
    **EXTENSION,
)
