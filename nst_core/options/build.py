"""What a person chooses, laid over a job: the functions that the table of options applies.

Imports no torch, so that the command can show its help without waiting for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nst_core.errors import JobError
from nst_core.job.schema import Component, Job, Source, Term

if TYPE_CHECKING:
    from nst_core.components import Extractor, Loss
    from nst_core.components.registry import Registry

__all__ = [
    "Apply",
    "Context",
    "default_job",
    "parse_layers",
    "set_component",
    "set_field",
    "with_blend",
    "with_extractor",
    "with_layers",
    "with_levels",
    "with_losses",
    "with_normalization",
    "with_preset",
    "with_size",
    "with_style_scale",
    "with_style_transform",
    "with_weight",
    "with_weights_file",
    "without_losses",
]


@dataclass(frozen=True)
class Context:
    """What an option may look at beside the job: the components there are, and all options that were given."""

    registry: Registry
    given: Mapping[str, Any]

    def component(self, kind: str, text: str) -> Component:
        """Read ``NAME:key=value,…`` and check it against the registered component."""
        from nst_core.components.parameters import parse_spec

        return self.registry.checked(kind, parse_spec(text))

    def role(self, term: Term) -> str:
        """Return the role of a term's loss."""
        return self.registry.get("loss", term.loss).role


Apply = Callable[[Job, Any, Context], Job]


def default_job(registry: Registry, preset: str = "", extractor: str = "") -> Job:
    """Return a preset's job, over which options are laid.

    Args:
        registry: where names are looked up.
        preset: name of a preset, "" for the default one.
        extractor: ``NAME:key=value,…`` of the network, "" for the preset's.
    """
    context = Context(registry, {})
    chosen = registry.preset(preset)
    component = context.component("extractor", extractor or chosen.extractor)
    return Job(
        terms=tuple(
            Term(loss, weight, _usual_layers(registry, loss, component)) for loss, weight in chosen.losses.items()
        ),
        extractor=component,
        initializer=Component(chosen.initializer),
        optimizer=Component(chosen.optimizer),
        parametrization=Component(chosen.parametrization),
    )


def set_field(name: str) -> Apply:
    """Return what sets a field of the job to the value of an option."""

    def apply(job: Job, value: Any, context: Context) -> Job:  # noqa: ARG001
        return replace(job, **{name: value})

    return apply


def set_component(name: str) -> Apply:
    """Return what sets a field of the job, of the kind of the same name, to a component."""

    def apply(job: Job, value: str, context: Context) -> Job:
        return replace(job, **{name: context.component(name, value)})  # type: ignore[arg-type]

    return apply


def with_preset(job: Job, name: str, context: Context) -> Job:
    """Take the preset's start, and weights in proportion to its own."""
    preset = context.registry.preset(name)
    terms = tuple(
        t
        if context.role(t) == "regularizer"
        else replace(t, weight=_usual_weight(context.registry, t.loss, job.normalize_gradients, name))
        for t in job.terms
    )
    return replace(job, terms=terms, initializer=Component(preset.initializer))


def with_extractor(job: Job, text: str, context: Context) -> Job:
    """Take another network, and the layers that suit it."""
    component = context.component("extractor", text)
    if component == job.extractor:
        return job
    terms = tuple(
        replace(t, layers=_usual_layers(context.registry, t.loss, component), layer_weights=()) for t in job.terms
    )
    return replace(job, extractor=component, terms=terms, weights_sha256="")


def with_weights_file(job: Job, weights: str, context: Context) -> Job:
    """Take another weight set for the network."""
    params = {**job.extractor.params, "weights": weights}
    component = context.registry.checked("extractor", Component(job.extractor.name, params))
    return replace(job, extractor=component, weights_sha256="")


def with_normalization(job: Job, wanted: bool, context: Context) -> Job:
    """Turn the normalisation of gradients on or off; every loss keeps its emphasis."""
    if wanted == job.normalize_gradients:
        return job
    registry = context.registry
    terms = tuple(
        replace(
            t, weight=t.weight * _usual_weight(registry, t.loss, wanted) / _usual_weight(registry, t.loss, not wanted)
        )
        for t in job.terms
    )
    return replace(job, terms=terms, normalize_gradients=wanted)


def with_losses(job: Job, texts: Sequence[str], context: Context) -> Job:
    """Let losses take the places of those of their roles; losses of a role that is not exclusive are added."""
    from nst_core.components.roles import ROLES

    terms = list(job.terms)
    choices = [_choice(context, text) for text in texts]
    for role in ROLES.values():
        chosen = [c for c in choices if c.role == role.name]
        if not chosen:
            continue
        names = {c.name for c in chosen}
        old = [t for t in terms if context.role(t) == role.name and (role.exclusive or t.loss in names)]
        kept = [t for t in terms if t not in old]
        terms = kept + [t for c in chosen if (t := _term(c, old, job, context)) is not None]
    order = list(ROLES)
    return replace(job, terms=tuple(sorted(terms, key=lambda t: order.index(context.role(t)))))


def with_weight(role: str) -> Apply:
    """Return what sets the weight of the losses of a role; zero removes them. A weight given with a loss stays."""

    def apply(job: Job, weight: float, context: Context) -> Job:
        explicit = {c.name for c in _choices(context) if c.weight is not None}
        terms = [
            t if context.role(t) != role or t.loss in explicit else replace(t, weight=float(weight)) if weight else None
            for t in job.terms
        ]
        return replace(job, terms=tuple(t for t in terms if t is not None))

    return apply


def with_layers(role: str) -> Apply:
    """Return what sets the layers of the losses of a role. Layers given with a loss stay."""

    def apply(job: Job, layers: Sequence[str], context: Context) -> Job:
        explicit = {c.name for c in _choices(context) if c.layers is not None}
        names, factors = parse_layers(layers)
        terms = tuple(
            t if context.role(t) != role or t.loss in explicit else replace(t, layers=names, layer_weights=factors)
            for t in job.terms
        )
        return replace(job, terms=terms)

    return apply


def without_losses(job: Job, names: Sequence[str], context: Context) -> Job:  # noqa: ARG001
    """Remove losses by name."""
    from nst_core.errors import unknown_name

    terms = list(job.terms)
    for name in names:
        if name not in {t.loss for t in terms}:
            raise unknown_name("loss of this job", name, {t.loss for t in terms})
        terms = [t for t in terms if t.loss != name]
    return replace(job, terms=tuple(terms))


def with_size(job: Job, size: int, context: Context) -> Job:
    """Set the size; the levels of a recipe that are above it go, and a larger picture gets new ones."""
    if "levels" in context.given:
        levels: tuple[int, ...] | None = ()  # set by that option
    elif job.levels is None or size > job.size:
        levels = None
    else:
        levels = tuple(level for level in job.levels if level < size)
    return replace(job, size=size, levels=levels)


def with_levels(job: Job, text: str, context: Context) -> Job:
    """Read "auto", "off" or sizes from small to large, of which the last is the size of the picture."""
    if text == "auto":
        return replace(job, levels=None)
    if text == "off":
        return replace(job, levels=())
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise JobError(f"levels must be auto, off, or sizes like 256,512,1024, not '{text}'") from None
    if sizes[0] < 1 or list(sizes) != sorted({*sizes}):
        raise JobError(f"levels must increase, as in 256,512,1024, not {text}")
    size = context.given.get("size")
    if size is not None and sizes[-1] != size:
        raise JobError(f"the last level must be the size of the picture, but levels are {text} and the size is {size}")
    return replace(job, size=sizes[-1], levels=sizes[:-1])


def with_blend(job: Job, weights: Sequence[float], context: Context) -> Job:  # noqa: ARG001
    """Give every style its share of the blend."""
    if len(weights) != len(job.styles):
        raise JobError(
            f"{len(weights)} blend weights are given for {len(job.styles)} style images; give one for each style"
        )
    for weight in weights:
        if not (math.isfinite(weight) and weight >= 0):
            raise JobError(f"blend weights must be finite and not negative, not {weight:g}")
    if not sum(weights) > 0:
        raise JobError("blend weights are all zero; give at least one style a positive weight")
    styles = tuple(replace(s, weight=float(w)) for s, w in zip(job.styles, weights, strict=True))
    return replace(job, styles=styles)


def with_style_scale(job: Job, scale: float, context: Context) -> Job:  # noqa: ARG001
    """Set the scale of all style images."""
    if not job.styles:
        Source(scale=scale)  # says what is wrong with it
    return replace(job, styles=tuple(replace(style, scale=float(scale)) for style in job.styles))


def with_style_transform(job: Job, text: str, context: Context) -> Job:
    """Set the transform of all style images; "none" removes it."""
    transform = None if text == "none" else context.component("transform", text)
    return replace(job, styles=tuple(replace(style, transform=transform) for style in job.styles))


def _usual_weight(registry: Registry, loss: str, normalized: bool, preset: str = "") -> float:
    """Return the weight at which a loss suits a preset: its own default, in proportion to the preset's for its role."""
    cls: type[Loss] = registry.get("loss", loss).cls
    tuned, wanted = registry.preset(), registry.preset(preset)
    usual, weight = (_weight_of_role(registry, p.losses, cls.role) for p in (tuned, wanted))
    own = usual if cls.default_weight is None else cls.default_weight
    return (tuned.normalized[cls.role] if normalized else own) * weight / usual


def _weight_of_role(registry: Registry, losses: Mapping[str, float], role: str) -> float:
    """Return the weight of a preset's loss of some role, one where it has none."""
    return next((weight for loss, weight in losses.items() if registry.get("loss", loss).role == role), 1.0)


def _usual_layers(registry: Registry, loss: str, extractor: Component) -> tuple[str, ...]:
    """Return the layers that a loss looks at unless told otherwise."""
    from nst_core.components.extractor import PIXELS

    cls: type[Loss] = registry.get("loss", loss).cls
    network: type[Extractor] = registry.get("extractor", extractor.name).cls
    if cls.default_layers:
        known = {PIXELS, *registry.create("extractor", extractor).taps()}
        if known.issuperset(cls.default_layers):
            return cls.default_layers
    return {"content": network.content_layers, "style": network.style_layers}.get(cls.role, ())


@dataclass(frozen=True)
class _Choice:
    """A loss that was named: its term without defaults."""

    name: str
    role: str
    weight: float | None
    layers: tuple[tuple[str, ...], tuple[float, ...]] | None
    params: Mapping[str, Any]


def _choices(context: Context) -> list[_Choice]:
    return [_choice(context, text) for text in context.given.get("plugins", ())]


def _choice(context: Context, text: str) -> _Choice:
    from nst_core.components.parameters import parse_spec
    from nst_core.components.registry import TERM_FIELDS

    spec = parse_spec(text)
    entry = context.registry.get("loss", spec.name)
    own = {k: v for k, v in spec.params.items() if k not in TERM_FIELDS}
    weight = spec.params.get("weight")
    layers = spec.params.get("layers")
    return _Choice(
        name=spec.name,
        role=entry.role,
        weight=None if weight is None else _number(str(weight), f"the weight of '{spec.name}'"),
        layers=None if layers is None else parse_layers(str(layers).split("+")),
        params=context.registry.checked("loss", Component(spec.name, own)).params,
    )


def _term(choice: _Choice, old: Sequence[Term], job: Job, context: Context) -> Term | None:
    """Make the term of a chosen loss; what it leaves open comes from the loss, then from the term it replaces."""
    registry = context.registry
    before = next((t for t in old if t.loss == choice.name), None) or next(iter(old), None)
    weight = choice.weight
    if weight is None:
        weight = _usual_weight(registry, choice.name, job.normalize_gradients)
        if before is not None:  # a recipe with half the usual style means half of this loss's usual style, too
            weight *= before.weight / _usual_weight(registry, before.loss, job.normalize_gradients)
    if weight == 0:
        return None
    usual = _usual_layers(registry, choice.name, job.extractor)
    layers, factors = choice.layers or (usual, ())
    if choice.layers is None and before is not None:
        # Layers that someone chose stay chosen, unless the two losses look at different things by nature.
        same = usual == _usual_layers(registry, before.loss, job.extractor)
        if same or before.loss == choice.name:
            layers, factors = before.layers, before.layer_weights
    return Term(choice.name, weight, layers, factors, choice.params)


def parse_layers(texts: Sequence[str]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Parse layers written ``NAME`` or ``NAME=FACTOR``; return the names, and the factors if any is given."""
    names, factors = [], []
    for text in texts:
        name, equals, factor = text.strip().partition("=")
        names.append(name)
        factors.append(_number(factor, f"the factor of layer '{name}'") if equals else 1.0)
    if not names or "" in names:
        raise JobError("empty layer name; write layers as in conv1_2,conv2_2")
    return tuple(names), tuple(factors) if any(f != 1.0 for f in factors) else ()


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise JobError(f"{what} must be a number, not '{text}'") from None
