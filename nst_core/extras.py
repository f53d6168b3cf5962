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
    pairs = [text.partition(";") for text in listed]
    wanted = re.compile(rf"""extra\s*==\s*["']{re.escape(extra)}["']""")
    return [f'"{requirement.strip()}"' for requirement, _, marker in pairs if wanted.search(marker)]
