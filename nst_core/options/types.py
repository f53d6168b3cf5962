"""How the value of an option is written: as a keyword, on the command line, as one of several values of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nst_core.errors import JobError

__all__ = [
    "COMPONENT",
    "COMPONENTS",
    "FLAG",
    "INTEGER",
    "LAYERS",
    "NAMES",
    "NUMBER",
    "NUMBERS",
    "SIZES",
    "TEXT",
    "OptionType",
]


@dataclass(frozen=True)
class OptionType:
    """A way to write values.

    Attributes:
        name: for the reference.
        cli: type that the command line parses to.
        from_cli: turns what the command line parsed into what the API takes.
        parse: turns one value of a sweep, a text, into what the API takes; raises ValueError.
        word: what a value must be, for messages.
        has_params: whether a value is a component, with parameters that a comma separates.
    """

    name: str
    cli: Any
    parse: Callable[[str], Any]
    word: str
    from_cli: Callable[[Any], Any] = lambda value: value
    has_params: bool = False

    def parsed(self, text: str, key: str) -> Any:
        """Read one value of a sweep.

        Raises:
            JobError: it is not of this type; ``key`` names it in the message.
        """
        try:
            return self.parse(text)
        except ValueError:
            raise JobError(f"'{key}' must be {self.word}, not '{text}'") from None


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _numbers(text: str, separator: str) -> list[float]:
    return [float(part) for part in text.split(separator)]


def _numbers_from_cli(text: str) -> list[float]:
    try:
        return _numbers(text, ",")
    except ValueError:
        raise JobError(f"invalid list of numbers '{text}': write numbers separated by commas, as in 0.7,0.3") from None


INTEGER = OptionType("integer", int, int, "a whole number")
NUMBER = OptionType("number", float, float, "a number")
TEXT = OptionType("text", str, str, "a string")
SIZES = OptionType("sizes", str, lambda text: text.replace("+", ","), "sizes joined by +")
FLAG = OptionType("flag", bool, _truth, "true or false")
NUMBERS = OptionType("numbers", str, lambda text: _numbers(text, "+"), "numbers joined by +", _numbers_from_cli)
LAYERS = OptionType("layers", str, lambda text: text.split("+"), "layers joined by +", lambda text: text.split(","))
NAMES = OptionType("names", list[str], lambda text: text.split("+"), "names joined by +")
COMPONENT = OptionType("component", str, str, "NAME or NAME:key=value", has_params=True)
COMPONENTS = OptionType("components", list[str], lambda text: [text], "NAME or NAME:key=value", has_params=True)
