"""A row of the table of options. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from nst_core.options.context import Apply
from nst_core.options.types import OptionType

__all__ = ["IMAGES", "METHOD", "Option"]

METHOD, IMAGES = "Method", "Images"
"""Headings under which the command line shows options."""


@dataclass(frozen=True)
class Option:
    """Something that a person can choose of a job.

    Attributes:
        name: keyword of the API.
        type: how values are written.
        apply: lays the value over a job.
        help: what it sets, in one sentence.
        panel: heading under which the command line shows it.
        flag: on the command line; ``--`` and the name with hyphens by default. A flag of two words, ``--a/--b``, is
            true or false.
        metavar: what help shows in place of a value.
        default: what help shows as the default, "" for none.
        key: in a sweep, "" where it cannot be varied.
        source: "content" or "style" where only jobs with such a loss can use it; "both" where both are needed.
    """

    name: str
    type: OptionType
    apply: Apply
    help: str
    panel: str = METHOD
    flag: str = ""
    metavar: str = ""
    default: str = ""
    key: str = ""
    source: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """What sets it on the command line; the second of two flags says no."""
        return tuple((self.flag or f"--{self.name.replace('_', '-')}").split("/"))
