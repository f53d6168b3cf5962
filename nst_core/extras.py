"""How to install what only some users need. Imports no torch."""

from __future__ import annotations

import importlib.metadata
import re

__all__ = ["install_command"]


def install_command(extra: str, distribution: str = "nst") -> str:
    """Return the command that installs what an extra of an installed package needs.

    It names what is needed and not the package, so it serves whether that came from a checkout, a wheel or an index.

    Args:
        extra: name of the extra, such as ``"video"``.
        distribution: the installed package that has it.
    """
    needed = _requirements(extra, distribution)
    if not needed:  # found without having been installed, as with a checkout on PYTHONPATH
        return f'pip install ".[{extra}]" in the folder of {distribution}'
    return f"pip install {' '.join(needed)}"


def _requirements(extra: str, distribution: str) -> list[str]:
    try:
        listed = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for text in listed:
        requirement, _, marker = text.partition(";")
        name = re.search(r"""\bextra\s*==\s*["']([^"']+)["']""", marker)
        if name is None or _normal(name[1]) != _normal(extra):
            continue
        others = (
            re.sub(r"""\s*(\band\b\s*)?\bextra\s*==\s*["'][^"']+["'](\s*\band\b)?\s*""", "", marker)
            .strip()
            .replace('"', "'")
        )
        found.append(f'"{requirement.strip()}; {others}"' if others else f'"{requirement.strip()}"')
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
