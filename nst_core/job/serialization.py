"""Dataclass trees to and from plain data (what TOML and JSON hold), strictly and with helpful errors."""

from __future__ import annotations

import dataclasses
import math
import sys
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from nst_core.errors import JobError, unknown_name
from nst_core.job.bounds import check_entries, shown

__all__ = ["NEUTRAL", "flattened", "from_plain", "to_plain"]

NEUTRAL = {"neutral": True}
"""Metadata of a field whose default changes nothing: a job without the field means the same."""

T = TypeVar("T")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def to_plain(value: Any, *, without_neutral: bool = False) -> Any:
    """Turn a dataclass tree into dicts, lists and scalars.

    Args:
        value: a dataclass, or what its fields hold.
        without_neutral: leave out fields marked :data:`NEUTRAL` that have their default.

    Returns:
        Plain data; fields that are ``None`` are left out.
    """
    if dataclasses.is_dataclass(value):
        plain = {}
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            if inner is None or (without_neutral and _is_neutral(field, inner)):
                continue
            plain[field.name] = to_plain(inner, without_neutral=without_neutral)
        return plain
    if isinstance(value, Mapping):
        return {k: to_plain(v, without_neutral=without_neutral) for k, v in value.items()}
    if isinstance(value, tuple):
        return [to_plain(v, without_neutral=without_neutral) for v in value]
    return value


def _is_neutral(field: dataclasses.Field[Any], value: Any) -> bool:
    if not field.metadata.get("neutral"):
        return False
    made = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    return bool(value == made)


def flattened(plain: Any, where: str = "") -> dict[str, Any]:
    """Turn nested plain data into one level: ``terms[0].weight`` and the like to scalars."""
    if isinstance(plain, Mapping):
        inner = [(f"{where}.{key}" if where else str(key), value) for key, value in plain.items()]
    elif isinstance(plain, list | tuple):
        inner = [(f"{where}[{number}]", value) for number, value in enumerate(plain)]
    else:
        return {where: plain}
    return {key: scalar for name, value in inner for key, scalar in flattened(value, name).items()}


def from_plain(cls: type[T], data: Any, where: str = "") -> T:
    """Build the dataclass ``cls`` from plain data.

    Args:
        cls: a dataclass whose fields are scalars, ``Literal`` texts, tuples, mappings of scalars, dataclasses,
            or one of these or ``None``.
        data: what a TOML or JSON parser returned.
        where: path of ``data`` in the document, for messages.

    Raises:
        JobError: an unknown key (with the nearest valid ones), a missing key, or a value of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise JobError(f"{where or 'the document'} must be a table of keys and values, not {shown(data)}")
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            raise unknown_name("key", f"{where}.{key}" if where else key, _paths(where, fields))
    arguments = {}
    for name, field in fields.items():
        path = f"{where}.{name}" if where else name
        if name in data:
            arguments[name] = _value(hints[name], data[name], path)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise JobError(f"'{path}' is missing")
    return cls(**arguments)


def _paths(where: str, fields: Mapping[str, Any]) -> list[str]:
    return [f"{where}.{name}" if where else name for name in fields]


def _value(hint: Any, data: Any, path: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(get_args(hint), data, path)
    if origin is Literal:
        if data not in get_args(hint):
            raise unknown_name(f"value for '{path}':", str(data), get_args(hint))
        return data
    if origin is tuple:
        return _tuple(get_args(hint), data, path)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise JobError(f"'{path}' must be a table of keys and values, not {shown(data)}")
        return {str(k): _value(get_args(hint)[1], v, f"{path}.{k}") for k, v in data.items()}
    if dataclasses.is_dataclass(hint):
        return from_plain(hint, data, path)  # type: ignore[arg-type]
    return _scalar(hint, data, path)


def _union(choices: tuple[Any, ...], data: Any, path: str) -> Any:
    kinds = [c for c in choices if c is not types.NoneType]
    if len(kinds) == 1:
        return _value(kinds[0], data, path)
    if type(data) in kinds and not (isinstance(data, float) and not math.isfinite(data)):
        return data
    raise JobError(f"'{path}' must be {' or '.join(_WORDS[k] for k in kinds)}, not {shown(data)}")


def _tuple(items: tuple[Any, ...], data: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise JobError(f"'{path}' must be a list, not {shown(data)}")
    if items[-1] is not Ellipsis and len(data) != len(items):
        raise JobError(f"'{path}' must have {len(items)} entries, not {len(data)}")
    check_entries(f"entries of '{path}'", data)
    return tuple(_value(items[0], v, f"{path}[{i}]") for i, v in enumerate(data))


def _scalar(hint: Any, data: Any, path: str) -> Any:
    if hint is float and type(data) is int and abs(data) <= sys.float_info.max:
        return float(data)
    if type(data) is not hint or (hint is float and not math.isfinite(data)):
        raise JobError(f"'{path}' must be {_WORDS[hint]}, not {shown(data)}")
    return data
