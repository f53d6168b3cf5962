"""Varying a job: ``KEY=v1,v2,…`` over what a person can choose of it, and the product of several keys."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nst_core.api import make_job
from nst_core.components.parameters import split_values, unquoted
from nst_core.components.registry import Registry
from nst_core.engine.session import Session
from nst_core.errors import JobError, unknown_name
from nst_core.job.schema import Component, Job
from nst_core.options.table import Option, options_table

__all__ = ["Variation", "parse_variation", "product", "valid_keys", "varied_job"]

_IMAGES = ("content", "style")
# Parameters of a component: init.amplitude, optimizer.history, content.reduction, style.normalization, …
_OWNERS = {
    "init": "initializer",
    "optimizer": "optimizer",
    "extractor": "extractor",
    "parametrization": "parametrization",
    "content": "loss",
    "style": "loss",
}


def _option_keys() -> dict[str, Option]:
    """Return the options that can be varied, by key."""
    return {option.key: option for option in options_table().values() if option.key}


@dataclass(frozen=True)
class Variation:
    """One key and the values it takes."""

    key: str
    values: tuple[str, ...]


def valid_keys(job: Job, registry: Registry) -> list[str]:
    """Return all keys that can be varied in a job like ``job``."""
    parameters = [
        f"{owner}.{parameter.name}"
        for owner, kind in _OWNERS.items()
        for name in _names(job, owner, registry)
        for parameter in registry.get(kind, name).parameters
    ]
    return [*_option_keys(), *_IMAGES, *dict.fromkeys(parameters)]


def _names(job: Job, owner: str, registry: Registry) -> list[str]:
    if owner in ("content", "style"):
        return [term.loss for term in job.terms if registry.get("loss", term.loss).role == owner]
    component: Component = getattr(job, _OWNERS[owner])
    return [component.name]


def parse_variation(text: str, job: Job, registry: Registry) -> Variation:
    """Read ``KEY=v1,v2,…``.

    Values of components may have parameters: in ``init=content,noise:kind=uniform,amplitude=0.2`` there are two. A
    value in double quotes may hold commas.

    Args:
        text: as written on the command line.
        job: an example of the jobs to come, for the list of valid keys.
        registry: where names are looked up.

    Raises:
        JobError: no such key (all valid ones are listed), no values, or one value twice.
    """
    key, equals, rest = text.partition("=")
    key = key.strip()
    if not equals:
        raise JobError(f"'{text}' is not of the form KEY=v1,v2,…, for example seed=0,1 or style.weight=1e5,1e6")
    owner, dot, _ = key.partition(".")
    options = _option_keys()
    direct = (*options, *_IMAGES)
    if key not in direct and not (dot and owner in _OWNERS):
        raise unknown_name("key to vary", key, valid_keys(job, registry))
    if key not in direct and key not in valid_keys(job, registry) and owner in ("content", "style"):
        raise unknown_name("key to vary", key, valid_keys(job, registry))
    values = _values(rest, components=key in options and options[key].type.has_params)
    if not values or "" in values:
        raise JobError(f"'{text}' has an empty value; write {key}=v1,v2,…")
    for value in values:
        if values.count(value) > 1:
            raise JobError(f"'{text}' has the value '{value}' twice")
    return Variation(key, values)


def _values(text: str, components: bool) -> tuple[str, ...]:
    pieces = [piece.strip() for piece in split_values(text)]
    if not components:
        return tuple(unquoted(piece) for piece in pieces)
    values: list[str] = []
    for piece in pieces:
        name, equals, _ = piece.partition("=")
        if equals and ":" not in name and values:
            values[-1] += f",{piece}"  # one more parameter of the component before
        else:
            values.append(piece)
    return tuple(values)


def product(variations: Sequence[Variation]) -> list[dict[str, str]]:
    """Return the cartesian product as key to value, the last key changing fastest.

    Raises:
        JobError: a key is given twice.
    """
    keys = [variation.key for variation in variations]
    for key in keys:
        if keys.count(key) > 1:
            raise JobError(f"'{key}' is varied twice; give all its values at once")
    chosen = itertools.product(*(variation.values for variation in variations))
    return [dict(zip(keys, values, strict=True)) for values in chosen]


def varied_job(
    session: Session,
    content: str | None,
    styles: Sequence[str] | None,
    base: Job | None,
    given: Mapping[str, Any],
    choice: Mapping[str, str],
) -> Job:
    """Make the job of one cell: the options given, and the choice laid over them.

    Args:
        session: where names of components are looked up.
        content: path of the content image.
        styles: paths of the style images.
        base: a recipe to start from.
        given: options of all cells, by name.
        choice: values of this cell, by key.

    Raises:
        JobError: a value is invalid for its key.
    """
    options = _option_keys()
    merged: dict[str, Any] = dict(given)
    later: dict[str, str] = {}
    for key, value in choice.items():
        if key == "content":
            content = value
        elif key == "style":
            styles = [value]
        elif key in options:
            name = options[key].name
            parsed = options[key].type.parsed(value, key)
            added = name == "plugins"  # a loss beside those that all cells have
            merged[name] = [*merged.get(name, ()), *parsed] if added else parsed
        else:
            later[key] = value
    job = make_job(content, styles or None, base=base, session=session, **merged)
    for key, value in later.items():
        job = _with_parameter(job, key, value, session.registry)
    return job


def _with_parameter(job: Job, key: str, value: str, registry: Registry) -> Job:
    owner, _, name = key.partition(".")
    if key not in valid_keys(job, registry):
        raise unknown_name("key to vary", key, valid_keys(job, registry))
    if owner in ("content", "style"):
        terms = []
        for term in job.terms:
            entry = registry.get("loss", term.loss)
            if entry.role == owner and name in {p.name for p in entry.parameters}:
                checked = registry.checked("loss", Component(term.loss, {**term.params, name: value}))
                terms.append(replace(term, params=checked.params))
            else:
                terms.append(term)
        return replace(job, terms=tuple(terms))
    field = _OWNERS[owner]
    component: Component = getattr(job, field)
    checked = registry.checked(field, Component(component.name, {**component.params, name: value}))
    changes: dict[str, Any] = {field: checked}
    if owner == "extractor":
        changes["weights_sha256"] = ""
    return replace(job, **changes)
