"""The settings of the page: which there are, and the options that their values mean.

Everything that is installed appears by itself: presets, losses, colour modes, initializers and optimizers, those of
plugins among them, each with its parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nst_core import Component, Job, Registry
from nst_core.components.parameters import Parameter, format_spec
from nst_core.components.registry import Entry
from nst_core.options.losses import usual_weight

__all__ = [
    "SMOOTH",
    "Chooser",
    "choosers",
    "default_look",
    "help_of",
    "options_of",
    "parameter_key",
    "parameters_shown",
    "values_of",
]

SMOOTH = "tv"
"""Regularizer with a slider of its own, in units of its usual weight."""

EMPHASIS = Parameter("emphasis", float, 1.0)
"""Factor on the weight at which a loss suits the preset."""

SAME = "(preset)"
"""Choice that leaves things as the preset has them."""


@dataclass(frozen=True)
class Chooser:
    """A list of components to choose from.

    Attributes:
        key: of the setting, and of the option.
        label: what the page calls it.
        kind: of the components.
        several: whether several may be chosen, as losses may.
        none: what is shown where nothing else is chosen.
        entries: the components.
    """

    key: str
    label: str
    kind: str
    several: bool
    none: str
    entries: tuple[Entry, ...]


def choosers(registry: Registry) -> list[Chooser]:
    """Return what can be chosen beside the preset."""
    losses = [entry for entry in _all(registry, "loss") if entry.name != SMOOTH]
    return [
        Chooser("color", "Colours", "transform", False, "style", _all(registry, "transform")),
        Chooser("plugins", "Losses in place of the preset's, or beside them", "loss", True, "", tuple(losses)),
        Chooser("init", "Start from", "initializer", False, SAME, _all(registry, "initializer")),
        Chooser("optimizer", "Optimizer", "optimizer", False, SAME, _all(registry, "optimizer")),
    ]


def _all(registry: Registry, kind: str) -> tuple[Entry, ...]:
    """Return the components of a kind that need no file: visitors are not to name files of this machine."""
    found = registry.entries(kind)
    return tuple(entry for entry in found if not entry.file_parameters)


def parameters_shown(entry: Entry) -> list[Parameter]:
    """Return the parameters that the page has a field for; of a loss its emphasis comes first."""
    return [*([EMPHASIS] if entry.kind == "loss" else []), *entry.parameters]


def parameter_key(entry: Entry, parameter: Parameter) -> str:
    """Return the key of the setting of a parameter."""
    return f"{entry.kind}:{entry.name}:{parameter.name}"


def help_of(entry: Entry) -> str:
    """Return what the author of a component says of it."""
    return inspect.getdoc(entry.cls) or ""


def options_of(
    values: Mapping[str, Any], shares: Sequence[float], registry: Registry, base: Job | None = None
) -> dict[str, Any]:
    """Return the options of a job that settings mean, those alone that differ from the defaults.

    Args:
        values: of all settings, by key.
        shares: of the paintings in the blend.
        registry: where components are looked up.
        base: recipe that the options are laid over: what the page has a control for is theirs to say, the rest is not.
    """
    found: dict[str, Any] = {"size": int(values["size"])}
    if not base and values["preset"] != default_look(registry):
        found["preset"] = values["preset"]
    if base or values["strength"] != Job.strength:
        found["strength"] = float(values["strength"])
    if values["seed"] or base:
        found["seed"] = int(values["seed"] or 0)
    if base or values["style_scale"] != 1.0:
        found["style_scale"] = [float(values["style_scale"])]
    if len({*shares}) > 1 or (base and shares):
        found["blend"] = [float(share) for share in shares]
    losses = []
    for chooser in choosers(registry):
        chosen = values.get(chooser.key) or []
        specs = [_spec(entry, values, registry) for entry in chooser.entries if entry.name in chosen]
        if chooser.several:
            losses += specs
        elif specs:
            found[chooser.key] = specs[0]
        elif chooser.key == "color" and base:
            found["color"] = chosen
    if values.get("smooth"):
        weight = float(values["smooth"]) * usual_weight(registry, SMOOTH, normalized=False)
        losses.append(format_spec(Component(SMOOTH, {"weight": weight})))
    elif base and any(term.loss == SMOOTH for term in base.terms):
        found["without"] = [SMOOTH]
    if losses:
        found["plugins"] = losses
    return found


def values_of(job: Job, registry: Registry) -> dict[str, Any]:
    """Return the settings that a recipe fixes, as far as the page has them; the rest is the recipe's own."""
    smooth = next((term.weight for term in job.terms if term.loss == SMOOTH), 0.0)
    usual = usual_weight(registry, SMOOTH, normalized=False) if smooth else 1.0
    return {
        "strength": job.strength,
        "seed": job.seed,
        "size": job.size,
        "style_scale": job.styles[0].scale if job.styles else 1.0,
        "color": job.color.name if job.color else "style",
        "smooth": smooth / usual,
        "plugins": [],
        **{f"share_{number}": share for number, share in enumerate(job.blend, 1)},
        **_parameters(job.color, "transform", registry),
    }


def default_look(registry: Registry) -> str:
    """Return the name of the preset that a job has where none is named."""
    return next(name for name, preset in registry.presets().items() if preset is registry.preset())


def _spec(entry: Entry, values: Mapping[str, Any], registry: Registry) -> str:
    """Write a component with the parameters that differ from their defaults, as the command line does."""
    given = {}
    emphasis = values.get(parameter_key(entry, EMPHASIS))
    if entry.kind == "loss" and emphasis and emphasis != EMPHASIS.default:
        given["weight"] = emphasis * usual_weight(registry, entry.name, normalized=False, preset=values["preset"])
    for parameter in entry.parameters:
        value = values.get(parameter_key(entry, parameter))
        if value is None or value == "":
            continue
        value = parameter.type(value)
        if value != parameter.default:
            given[parameter.name] = value
    return format_spec(Component(entry.name, given))


def _parameters(component: Component | None, kind: str, registry: Registry) -> dict[str, Any]:
    if component is None:
        return {}
    entry = registry.get(kind, component.name)
    return {parameter_key(entry, p): component.params[p.name] for p in entry.parameters if p.name in component.params}
