"""Varying a job: ``KEY=v1,v2,…`` over what a person can choose of it, and the product of several keys."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nst_core.api import make_job
from nst_core.components.registry import Registry
from nst_core.errors import JobError, unknown_name
from nst_core.job.schema import Component, Job
from nst_core.options.build import Options

__all__ = ["Variation", "parse_variation", "product", "valid_keys", "varied_job"]

# What a key is called and which option it sets. Values of the first group are single words or numbers, and scales
# joined by +, …
_WORDS = {
    "preset": "preset",
    "size": "size",
    "steps": "steps",
    "seed": "seed",
    "precision": "precision",
    "device": "device",
    "weights": "weights",
    "style_scale": "style_scale",
    "scales": "scales",
    "normalize_gradients": "normalize_gradients",
    "content.weight": "content_weight",
    "style.weight": "style_weight",
}
# … of these they are layers joined by +, …
_LAYERS = {"content.layers": "content_layers", "style.layers": "style_layers"}
# … and of these a component, NAME:key=value,key=value.
_COMPONENTS = {"init": "init", "optimizer": "optimizer", "extractor": "extractor", "plugin": "plugins"}
_IMAGES = ("content", "style")
_TRUTHS = {"true": True, "false": False}
_NUMBERS: dict[str, type] = {
    "size": int,
    "steps": int,
    "seed": int,
    "style_scale": float,
    "content_weight": float,
    "style_weight": float,
}
# Parameters of a component: init.amplitude, optimizer.history, content.reduction, style.normalization, …
_OWNERS = {
    "init": "initializer",
    "optimizer": "optimizer",
    "extractor": "extractor",
    "content": "loss",
    "style": "loss",
}


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
    return [*_WORDS, *_LAYERS, *_COMPONENTS, *_IMAGES, *dict.fromkeys(parameters)]


def _names(job: Job, owner: str, registry: Registry) -> list[str]:
    if owner in ("content", "style"):
        return [term.loss for term in job.terms if registry.get("loss", term.loss).role == owner]
    component: Component = {"init": job.initializer, "optimizer": job.optimizer, "extractor": job.extractor}[owner]
    return [component.name]


def parse_variation(text: str, job: Job, registry: Registry) -> Variation:
    """Read ``KEY=v1,v2,…``.

    Values of components may have parameters: in ``init=content,noise:kind=uniform,amplitude=0.2`` there are two.

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
    direct = (*_WORDS, *_LAYERS, *_COMPONENTS, *_IMAGES)
    if key not in direct and not (dot and owner in _OWNERS):
        raise unknown_name("key to vary", key, valid_keys(job, registry))
    if key not in direct and key not in valid_keys(job, registry) and owner in ("content", "style"):
        raise unknown_name("key to vary", key, valid_keys(job, registry))
    values = _values(rest, joined=key in _COMPONENTS)
    if not values or "" in values:
        raise JobError(f"'{text}' has an empty value; write {key}=v1,v2,…")
    for value in values:
        if values.count(value) > 1:
            raise JobError(f"'{text}' has the value '{value}' twice")
    return Variation(key, values)


def _values(text: str, joined: bool) -> tuple[str, ...]:
    values: list[str] = []
    for piece in (part.strip() for part in text.split(",")):
        name, equals, _ = piece.partition("=")
        if joined and equals and ":" not in name and values:
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
    registry: Registry,
    content: str | None,
    style: str | None,
    base: Job | None,
    options: Options,
    choice: Mapping[str, str],
) -> Job:
    """Make the job of one cell: the options, and the choice laid over them.

    Raises:
        JobError: a value makes no sense for its key.
    """
    merged: dict[str, Any] = dict(options)
    images: dict[str, str | None] = {"content": content, "style": style}
    later: dict[str, str] = {}
    for key, value in choice.items():
        if key in _WORDS:
            merged[_WORDS[key]] = _word(key, _WORDS[key], value)
        elif key in _LAYERS:
            merged[_LAYERS[key]] = value.split("+")
        elif key == "plugin":
            merged["plugins"] = [*merged.get("plugins", ()), value]
        elif key in _COMPONENTS:
            merged[_COMPONENTS[key]] = value
        elif key in _IMAGES:
            images[key] = value
        else:
            later[key] = value
    job = make_job(images["content"], images["style"], base=base, registry=registry, **merged)
    for key, value in later.items():
        job = _with_parameter(job, key, value, registry)
    return job


def _word(key: str, option: str, value: str) -> Any:
    if option == "scales":
        return value.replace("+", ",")
    if option == "normalize_gradients":
        if value not in _TRUTHS:
            raise JobError(f"'{key}' must be true or false, not '{value}'")
        return _TRUTHS[value]
    kind = _NUMBERS.get(option, str)
    try:
        return kind(value)
    except ValueError:
        word = "a whole number" if kind is int else "a number"
        raise JobError(f"'{key}' must be {word}, not '{value}'") from None


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
    field = {"init": "initializer", "optimizer": "optimizer", "extractor": "extractor"}[owner]
    component: Component = getattr(job, field)
    checked = registry.checked(field, Component(component.name, {**component.params, name: value}))
    changes: dict[str, Any] = {field: checked}
    if owner == "extractor":
        changes["weights_sha256"] = ""
    return replace(job, **changes)
