"""How the value of an option is written: as a keyword, on the command line, as one of several values of a sweep."""

from __future__ import annotations

import operator
import os
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nst_core.errors import JobError
from nst_core.job.schema import Region

__all__ = [
    "COMPONENT",
    "COMPONENTS",
    "FLAG",
    "INTEGER",
    "LAYERS",
    "MAPS",
    "NAMES",
    "NUMBER",
    "NUMBERS",
    "NUMBER_OR_NUMBERS",
    "REGIONS",
    "SIZES",
    "TEXT",
    "OptionType",
]


@dataclass(frozen=True)
class OptionType:
    """A way to write values.

    Attributes:
        name: for the reference.
        take: turns what the API was given into the value; raises TypeError, ValueError or OverflowError.
        python: what the API must be given, for messages.
        cli: type that the command line parses to.
        parse: turns one value of a sweep, a text, into what the API takes; raises ValueError.
        word: what a value of a sweep must be, for messages.
        from_cli: turns what the command line parsed into what the API takes.
        has_params: whether a value is a component, with parameters that a comma separates.
    """

    name: str
    take: Callable[[Any], Any]
    python: str
    cli: Any
    parse: Callable[[str], Any]
    word: str
    from_cli: Callable[[Any], Any] = lambda value: value
    has_params: bool = False

    def taken(self, value: Any, option: str) -> Any:
        """Check what the API was given.

        Raises:
            JobError: it is not of this type; ``option`` names it in the message.
        """
        try:
            return self.take(value)
        except (TypeError, ValueError, OverflowError):
            raise JobError(f"the option '{option}' must be {self.python}, not {reprlib.repr(value)}") from None

    def parsed(self, text: str, key: str) -> Any:
        """Read one value of a sweep.

        Raises:
            JobError: it is not of this type; ``key`` names it in the message.
        """
        try:
            return self.parse(text)
        except ValueError:
            raise JobError(f"'{key}' must be {self.word}, not '{text}'") from None


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _number(value: Any) -> float:
    if isinstance(value, bool | str):
        raise TypeError
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _path_or_text(value: Any) -> str:
    return _text(os.fspath(value))


def _listed(value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError
    return value


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in _listed(value)]


def _regions(value: Any) -> list[str | Region]:
    return [item if isinstance(item, Region) else _text(item) for item in _listed(value)]


def _sizes(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(str(_integer(item)) for item in _listed(value))


def _one_or_listed(value: Any) -> list[float]:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return [_number(item) for item in (value if several else [value])]


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


INTEGER = OptionType("integer", _integer, "a whole number", int, int, "a whole number")
NUMBER = OptionType("number", _number, "a number", float, float, "a number")
TEXT = OptionType("text", _path_or_text, "a string", str, str, "a text")
FLAG = OptionType("flag", _flag, "True or False", bool, _truth, "true or false")
SIZES = OptionType(
    "sizes",
    _sizes,
    "a string or a list of whole numbers",
    str,
    lambda text: text.replace("+", ","),
    "sizes joined by +",
)
NUMBERS = OptionType(
    "numbers",
    lambda value: [_number(item) for item in _listed(value)],
    "a list of numbers",
    str,
    lambda text: _numbers(text, "+"),
    "numbers joined by +",
    _numbers_from_cli,
)
NUMBER_OR_NUMBERS = OptionType(
    "number or numbers",
    _one_or_listed,
    "a number or a list of numbers",
    str,
    lambda text: _numbers(text, "+"),
    "a number, or numbers joined by +",
    _numbers_from_cli,
)
LAYERS = OptionType(
    "layers",
    _texts,
    "a list of strings",
    str,
    lambda text: text.split("+"),
    "layers joined by +",
    lambda text: text.split(","),
)
NAMES = OptionType("names", _texts, "a list of strings", list[str], lambda text: text.split("+"), "names joined by +")
COMPONENT = OptionType("component", _text, "a string", str, str, "NAME or NAME:key=value", has_params=True)
COMPONENTS = OptionType(
    "components",
    _texts,
    "a list of strings",
    list[str],
    lambda text: [text],
    "NAME or NAME:key=value",
    has_params=True,
)
REGIONS = OptionType(
    "regions",
    _regions,
    "a list of strings or Region values",
    list[str],
    lambda text: text.split("+"),
    "regions joined by +",
)
MAPS = OptionType(
    "maps",
    lambda value: [os.fspath(item) for item in _listed(value)],
    "a list of two paths or more",
    tuple[str, str],
    lambda text: text.split("+"),
    "paths joined by +",
    lambda value: [value[0], *value[1].split(",")],
)
