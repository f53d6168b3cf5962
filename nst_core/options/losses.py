"""Options that choose the losses of a job, their weights and layers. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nst_core.errors import JobError
from nst_core.job.schema import Component, Job, Term
from nst_core.options.context import Apply, Context

if TYPE_CHECKING:
    from nst_core.components import Extractor, Loss, Preset
    from nst_core.components.registry import Registry

__all__ = [
    "parse_layers",
    "preset_terms",
    "usual_layers",
    "usual_weight",
    "with_layers",
    "with_losses",
    "with_temporal",
    "with_weight",
    "without_losses",
]


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


def usual_weight(registry: Registry, loss: str, normalized: bool, preset: str = "") -> float:
    """Return the weight at which a loss suits a preset.

    That is the preset's own for its own losses, and for all losses of a role where gradients are normalised and the
    preset says so. Otherwise it is the usual weight, times the emphasis that the preset puts on the role.
    """
    from nst_core.components import Preset

    chosen = registry.preset(preset)
    if loss in chosen.losses and not normalized:
        return chosen.losses[loss]
    role = registry.get("loss", loss).role
    if normalized and chosen.normalized is not Preset.normalized and role in chosen.normalized:
        return chosen.normalized[role]
    own = next((name for name in chosen.losses if registry.get("loss", name).role == role), None)
    emphasis = 1.0 if own is None else chosen.losses[own] / _default_weight(registry, own)
    if not normalized:
        return emphasis * _default_weight(registry, loss)
    return emphasis * {**Preset.normalized, **registry.preset().normalized}[role]


def _default_weight(registry: Registry, loss: str) -> float:
    """Return the weight at which a loss suits the default preset; what neither of them says is that of its role."""
    tuned, cls = registry.preset().losses, registry.get("loss", loss).cls
    if loss in tuned:
        return tuned[loss]
    if cls.default_weight is not None:
        return float(cls.default_weight)
    return next((weight for name, weight in tuned.items() if registry.get("loss", name).role == cls.role), 1.0)


def usual_layers(registry: Registry, loss: str, extractor: Component) -> tuple[str, ...]:
    """Return the layers that a loss looks at unless told otherwise."""
    from nst_core.components.extractor import PIXELS

    cls: type[Loss] = registry.get("loss", loss).cls
    network: type[Extractor] = registry.get("extractor", extractor.name).cls
    if cls.default_layers:
        known = {PIXELS, *registry.create("extractor", extractor).taps()}
        if known.issuperset(cls.default_layers):
            return cls.default_layers
    return {"content": network.content_layers, "style": network.style_layers}.get(cls.role, ())


def preset_terms(registry: Registry, preset: type[Preset], extractor: Component) -> tuple[Term, ...]:
    """Return the terms of a preset for an extractor, by role in the usual order."""
    return tuple(
        Term(
            loss,
            weight,
            *_preset_layers(registry, preset, loss, extractor),
            registry.checked("loss", Component(loss, preset.params.get(loss, {}))).params,
        )
        for loss, weight in preset.losses.items()
    )


def _preset_layers(
    registry: Registry, preset: type[Preset], loss: str, extractor: Component
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    from nst_core.components.extractor import PIXELS

    names, factors = parse_layers(preset.layers[loss]) if loss in preset.layers else ((), ())
    if names and {PIXELS, *registry.create("extractor", extractor).taps()}.issuperset(names):
        return names, factors
    return usual_layers(registry, loss, extractor), ()


def with_temporal(job: Job, registry: Registry, preset: str = "") -> Job:
    """Give a job the temporal losses of a preset, unless it has some: what holds the frames of a clip together."""
    if any(registry.get("loss", term.loss).role == "temporal" for term in job.terms):
        return job
    names = registry.preset(preset).temporal or registry.preset().temporal
    terms = [
        Term(
            loss,
            usual_weight(registry, loss, normalized=True, preset=preset) if job.normalize_gradients else weight,
            usual_layers(registry, loss, job.extractor),
        )
        for loss, weight in names.items()
    ]
    return replace(job, terms=(*job.terms, *terms))


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
        weight = usual_weight(registry, choice.name, job.normalize_gradients)
        if before is not None:  # a recipe with half the usual style means half of this loss's usual style, too
            weight *= before.weight / usual_weight(registry, before.loss, job.normalize_gradients)
    if weight == 0:
        return None
    usual = usual_layers(registry, choice.name, job.extractor)
    layers, factors = choice.layers or (usual, ())
    if choice.layers is None and before is not None:
        # Layers that someone chose stay chosen, unless the two losses look at different things by nature.
        same = usual == usual_layers(registry, before.loss, job.extractor)
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
