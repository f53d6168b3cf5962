"""Bounds of every number, text and list of a job: within them nothing overflows and nothing runs for ever.

They are far beyond what pictures need. What fits into memory is found out by the memory plan. Imports no torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any

from nst_core.errors import JobError

__all__ = [
    "BOUNDS",
    "MAX_ENTRIES",
    "MAX_RECIPE",
    "MAX_TEXT",
    "PARAMETER",
    "WHOLE_PARAMETER",
    "Bound",
    "check_entries",
    "check_params",
    "check_recipe",
    "check_text",
    "shown",
]


@dataclass(frozen=True)
class Bound:
    """What a number may be.

    Attributes:
        least: the smallest value.
        most: the greatest one.
        unit: of both, for the reference.
        zero: whether 0 is allowed as well.
    """

    least: float
    most: float
    unit: str = ""
    zero: bool = False

    def check(self, what: str, value: float) -> None:
        """Refuse a value that is not a number, or not within the bounds; ``what`` names it in the message.

        Raises:
            JobError: says what the bound is.
        """
        if self.zero and value == 0:
            return
        if not self.least <= value <= self.most:
            lower = f"{'0 or ' if self.zero else ''}at least {_written(self.least)}"
            limit = f"at most {_written(self.most)}" if value > self.most else lower
            raise JobError(f"{what} must be {limit}, not {shown(value)}")


BOUNDS: Mapping[str, Bound] = {
    "size": Bound(1, 1_000_000, "pixels"),
    "height": Bound(1, 1_000_000, "pixels"),
    "width": Bound(1, 1_000_000, "pixels"),
    "steps": Bound(1, 1_000_000),
    "seed": Bound(0, 2**63 - 1),
    "strength": Bound(0, 1),
    "weight": Bound(1e-30, 1e30),
    "share": Bound(1e-30, 1e30, zero=True),
    "scale": Bound(1e-3, 1000),
}
"""Bounds by what they are of; "share" is the weight of a style image in the blend."""

WHOLE_PARAMETER = Bound(-1_000_000_000, 1_000_000_000)
"""Bounds of a whole number that is a parameter of a component."""

PARAMETER = Bound(-1e30, 1e30)
"""Bounds of another number that is a parameter of a component; float32 holds more."""

MAX_TEXT = 4096
"""Characters of a name, a path or another text."""

MAX_ENTRIES = 1000
"""Entries of a list."""


MAX_RECIPE = 1_000_000
"""Characters of a recipe; most have two thousand."""

_DEEPEST_KEY = 100
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:{_PART}[ \t]*+\.[ \t]*+){{{_DEEPEST_KEY}}}")


def check_recipe(text: str) -> None:
    """Check that a recipe can be parsed in little time and memory.

    Raises:
        JobError: it is too long, or has a key of many parts, for which the parser of TOML needs the square of their
            number.
    """
    if len(text) > MAX_RECIPE:
        raise JobError(f"the recipe has {len(text)} characters, more than the {MAX_RECIPE} that one may have")
    if _DEEP_KEY.search(text):
        raise JobError(f"the recipe has a key of more than {_DEEPEST_KEY} parts joined by dots, which no recipe needs")


def check_params(owner: str, params: Mapping[str, Any]) -> None:
    """Check the parameters of a component against the bounds.

    Raises:
        JobError: a number or a text is beyond them; names it, and ``owner``.
    """
    check_text("the name of a component", owner)
    check_entries(f"parameters of {shown(owner)}", params)
    for name, value in params.items():
        what = f"{shown(name)} of {shown(owner)}"
        check_text("the name of a parameter", name)
        if isinstance(value, str):
            check_text(what, value)
        elif not isinstance(value, bool):
            (WHOLE_PARAMETER if isinstance(value, int) else PARAMETER).check(what, value)


def check_text(what: str, text: str) -> None:
    """Check that a text can be a name or a path.

    Raises:
        JobError: it is too long or contains the character NUL; ``what`` names it.
    """
    if len(text) > MAX_TEXT:
        raise JobError(f"{what} must have at most {MAX_TEXT} characters, not {len(text)}: {shown(text)}")
    if "\0" in text:
        raise JobError(f"{what} contains the character NUL, which no name or path can have: {shown(text)}")


def check_entries(what: str, entries: Sized) -> None:
    """Check the length of a list.

    Raises:
        JobError: it is too long; ``what`` names it.
    """
    if len(entries) > MAX_ENTRIES:
        raise JobError(f"there can be at most {MAX_ENTRIES} {what}, not {len(entries)}")


def shown(value: Any) -> str:
    """Return a value as messages show it: in one line, and cut where it is long."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    try:
        word = repr(value)
    except ValueError:  # Python writes no whole numbers of thousands of digits
        return f"a number with more than {int(math.log10(2) * (value.bit_length() - 1))} digits"
    return word if len(word) < 60 else word[:57] + "…"


def _written(value: float) -> str:
    return str(int(value)) if abs(value) < 2**63 and value == int(value) else format(value, "g")
