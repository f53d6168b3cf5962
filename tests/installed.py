"""Packages that look installed: a folder with the metadata that pip would write, to be put on sys.path."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, package: str, plugin: str, module: str, source: str = "") -> Path:
    """Write a distribution with one entry point of group `nst`; with `source`, its module too."""
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[nst]\n{plugin} = {module}\n")
    if source:
        (folder / f"{module}.py").write_text(source)
    return folder
