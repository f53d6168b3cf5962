"""What a component may be called."""

from __future__ import annotations

import re

from nst_core.errors import JobError

__all__ = ["check_name", "is_name"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def is_name(text: object) -> bool:
    """Say whether a text is a name: kebab-case."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def check_name(text: str) -> None:
    """Check a name.

    Raises:
        JobError: it is none.
    """
    if not is_name(text):
        raise JobError(f"invalid name '{text}': use lower-case letters, digits and single hyphens, as in warm-style")
