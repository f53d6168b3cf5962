"""Options that take several values in a row, as in ``--contents A B C``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

__all__ = ["ManyValues", "spread"]

_LISTS = ("--contents", "--styles")


def spread(arguments: Sequence[str], lists: Sequence[str] = _LISTS) -> list[str]:
    """Repeat an option before each of its values: ``--contents A B`` to ``--contents A --contents B``."""
    spread: list[str] = []
    current = ""
    for argument in arguments:
        if argument.startswith("-"):
            current = argument if argument in lists else ""
            if not current:
                spread.append(argument)
        elif current:
            spread += [current, argument]
        else:
            spread.append(argument)
    return spread


class ManyValues(TyperCommand):
    """A command whose options ``--contents`` and ``--styles`` take everything up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Spread the lists, then parse."""
        return super().parse_args(ctx, spread(args))
