"""Parameters of a component: the typed arguments of its constructor, read from the signature."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from nst_core.errors import JobError, PluginError, unknown_name
from nst_core.job.bounds import shown
from nst_core.job.schema import Component, ParamValue

__all__ = [
    "Parameter",
    "convert_all",
    "format_spec",
    "parameters_of",
    "parse_spec",
    "split_values",
    "unquoted",
]

# Key of a value that was given without one.
BARE = ""
_WORDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


@dataclass(frozen=True)
class Parameter:
    """One constructor argument.

    Attributes:
        name: as in the constructor.
        type: ``bool``, ``int``, ``float`` or ``str``.
        default: used where nothing is given.
        choices: the allowed texts of a ``Literal``, else empty.
    """

    name: str
    type: type
    default: ParamValue
    choices: tuple[str, ...] = ()

    def convert(self, value: Any, owner: str) -> ParamValue:
        """Check a value from a recipe, or parse a text from the command line.

        Raises:
            JobError: the value is not of this type.
        """
        converted = self._parse(value) if isinstance(value, str) and self.type is not str else value
        if self.type is float and type(converted) is int:
            converted = float(converted)
        if type(converted) is not self.type or (isinstance(converted, float) and not math.isfinite(converted)):
            raise JobError(f"'{self.name}' of {owner} must be {_WORDS[self.type]}, not {shown(value)}")
        if self.choices and converted not in self.choices:
            raise unknown_name(f"value for '{self.name}' of {owner}:", str(converted), self.choices)
        return cast(ParamValue, converted)

    def _parse(self, text: str) -> Any:
        if self.type is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.lower())
        try:
            return self.type(text)
        except ValueError:
            return None


def parameters_of(cls: type, reserved: tuple[str, ...] = ()) -> tuple[Parameter, ...]:
    """Read the parameters of a component class.

    Args:
        cls: the class.
        reserved: names that mean something else on the command line.

    Raises:
        PluginError: an argument without default or annotation, of a type that a recipe cannot hold, or reserved.
    """
    constructor = inspect.getattr_static(cls, "__init__")
    if constructor is object.__init__:
        return ()
    hints = get_type_hints(constructor)
    return tuple(
        _parameter(cls, argument, hints.get(argument.name), reserved)
        for argument in inspect.signature(cls).parameters.values()
    )


def _parameter(cls: type, argument: inspect.Parameter, hint: Any, reserved: tuple[str, ...]) -> Parameter:
    what = f"argument '{argument.name}' of {cls.__name__}"
    if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD, argument.POSITIONAL_ONLY):
        raise PluginError(f"{what} must be an ordinary named argument, not *args, **kwargs or positional-only")
    if argument.name in reserved:
        raise PluginError(f"{what} has a reserved name ({', '.join(reserved)}); rename it")
    if argument.default is argument.empty:
        raise PluginError(f"{what} needs a default value")
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    if kind not in _WORDS or any(not isinstance(c, str) for c in choices):
        raise PluginError(f"{what} must be annotated as bool, int, float, str or a Literal of strings")
    default = float(argument.default) if kind is float and type(argument.default) is int else argument.default
    if type(default) is not kind or (choices and default not in choices):
        raise PluginError(f"{what} has the default {argument.default!r}, which is not of its annotated type")
    return Parameter(argument.name, kind, default, choices)


def convert_all(parameters: tuple[Parameter, ...], given: Mapping[str, Any], owner: str) -> dict[str, ParamValue]:
    """Check the given values against the parameters; ``owner`` names the component in messages."""
    known = {p.name: p for p in parameters}
    given = _named(given, list(known), owner)
    for name in given:
        if name not in known:
            raise unknown_name(f"parameter of {owner}:", name, known)
    return {name: known[name].convert(value, owner) for name, value in given.items()}


def _named(given: Mapping[str, Any], known: list[str], owner: str) -> dict[str, Any]:
    """Give a value without a key the name of the first parameter."""
    named = dict(given)
    if BARE not in named:
        return named
    value = named.pop(BARE)
    if not known or value in (*known, "weight", "layers"):
        raise JobError(f"'{value}' of {owner} is not of the form key=value; write NAME:key=value,key=value")
    if known[0] in named:
        raise JobError(f"'{known[0]}' of {owner} is given twice: '{value}' without its name, and with it")
    return {known[0]: value, **named}


def parse_spec(text: str) -> Component:
    """Parse ``NAME[:key=value,…]`` as the command line writes components; values stay texts.

    The first value may come without its key: it belongs to the first parameter, and has the key "" here. A value in
    double quotes may hold commas and spaces at its ends; a quote in it is written twice.

    Raises:
        JobError: the text is not of that form.
    """
    name, _, rest = text.partition(":")
    params: dict[str, ParamValue] = {}
    for number, item in enumerate(filter(None, map(str.strip, split_values(rest)))):
        key, equals, value = ("", "", item) if item.startswith('"') else item.partition("=")
        if not equals and number == 0:
            params[BARE] = unquoted(key or value)
            continue
        if not equals or not key.strip():
            raise JobError(
                f"'{item}' in '{text}' is not of the form key=value; write NAME:key=value,key=value, and a value that "
                "has a comma in double quotes"
            )
        if key.strip() in params:
            raise JobError(f"'{key.strip()}' is given twice in '{text}'")
        params[key.strip()] = unquoted(value)
    if not name.strip():
        raise JobError(f"'{text}' has no name; write NAME or NAME:key=value")
    return Component(name.strip(), params)


def format_spec(component: Component) -> str:
    """Write a component as :func:`parse_spec` reads it: ``image:path="a,b.jpg"``."""
    values = ",".join(f"{key}={_written(value)}" for key, value in component.params.items())
    return f"{component.name}:{values}" if values else component.name


def split_values(text: str) -> list[str]:
    """Split at the commas that are not in double quotes; quotes and spaces stay.

    Raises:
        JobError: a quote is not closed.
    """
    pieces, begin, opened, closed, before = [], 0, False, -2, ""
    for place, character in enumerate(text):
        if opened:
            opened = character != '"'
            closed = closed if opened else place
        elif character == '"' and (before in ("", "=", ":", ",") or closed == place - 1):
            opened = True  # at the start of a value, or again after the first of two
        elif character == ",":
            pieces.append(text[begin:place])
            begin = place + 1
        before = before if character.isspace() else character
    if opened:
        raise JobError(f"a quote in '{text}' is not closed; write \"a,b.jpg\", and a quote in a value twice")
    return [*pieces, text[begin:]]


def unquoted(text: str) -> str:
    """Return a value without the spaces around it, and without quotes if it is in quotes.

    Raises:
        JobError: something follows the closing quote.
    """
    value = text.strip()
    if not value.startswith('"'):
        return value
    inner = value[1:-1].replace('""', "")
    if len(value) < 2 or not value.endswith('"') or '"' in inner:
        raise JobError(f'{value} is not a value in quotes; write "a,b.jpg", and a quote in a value twice')
    return value[1:-1].replace('""', '"')


def _written(value: ParamValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    plain = value == value.strip() and not {*value} & {",", '"'}
    return value if plain else '"' + value.replace('"', '""') + '"'
