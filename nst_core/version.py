"""Which version of nst this is, and of which commit. Imports nothing of nst: ``setup.py`` runs this file by itself."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
from pathlib import Path

__all__ = ["commit", "commit_of", "described", "version"]

RECORD = "_commit.txt"
"""The file beside this one that ``setup.py`` puts into wheels and source archives made from git."""

SECONDS = 5.0
"""How long git may take; the first look at a large checkout reads every file."""


def version() -> str:
    """Return the version of the installed package; ``pyproject.toml`` says it."""
    return importlib.metadata.version("nst")


def commit() -> str:
    """Return the commit that this code is of, with ``+dirty`` where files were changed since; "" if nobody knows.

    A checkout has no record: git is asked each time, so that an editable installation never shows an old commit.
    """
    here = Path(__file__).resolve().parent
    if (here / RECORD).is_file():
        return (here / RECORD).read_text(encoding="ascii").strip()
    own = (here.parent / "setup.py").is_file() and (here.parent / ".git").exists()
    return commit_of(here.parent) if own else ""


def commit_of(checkout: Path) -> str:
    """Return what is checked out in a folder, "" where git cannot tell."""
    # Hooks of git set variables that would send it to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    describe = ("describe", "--always", "--exclude=*", "--abbrev=10", "--dirty=+dirty")
    try:
        done = subprocess.run(  # noqa: S603 - nothing of it is a user's text
            ["git", "--no-optional-locks", "-C", str(checkout), *describe],  # noqa: S607 - git is where it is
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def described() -> str:
    """Return the version, and the commit where it is known: ``0.1.0 (commit 1f2e3d4c5b)``."""
    found = commit()
    return f"{version()} (commit {found})" if found else version()
