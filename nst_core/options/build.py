"""What a person chooses, laid over a job: the one place where options meet presets, recipes and plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from nst_core.components import PIXELS, Extractor, Loss
from nst_core.components.parameters import parse_spec
from nst_core.components.registry import TERM_FIELDS, Registry
from nst_core.errors import JobError, unknown_name
from nst_core.job.schema import Component, Job, Precision, Term
from nst_core.options.presets import CONTENT_LOSS, NORMALIZED, PRESETS, STYLE_LOSS, preset_named

__all__ = ["Options", "amend", "default_job"]


class Options(TypedDict, total=False):
    """What can be chosen; what is left out keeps its default, or the recipe's value.

    Components are written ``NAME`` or ``NAME:key=value,key=value``. Layers are written ``NAME`` or
    ``NAME=FACTOR``.

    Attributes:
        preset: "content" or "noise": initial image, α and β that suit each other.
        size: longest side of the pastiche in pixels, at least 1.
        scales: "auto", "off", or sizes from small to large, ``256,512,1024``, of which the last is the size. A job
            that is made larger gets "auto".
        steps: number of evaluations, at least 1.
        content_weight: α; 0 removes the content loss.
        style_weight: β; 0 removes the style loss.
        content_layers: layers of the content loss.
        style_layers: layers of the style loss.
        plugins: losses, each of which takes the place of the loss of its role; regularizers are added.
            ``weight=…`` and ``layers=a+b`` belong to the term.
        without: names of losses to remove.
        init: initializer.
        optimizer: optimizer.
        extractor: extractor.
        weights: name or file of the extractor's weights.
        style_scale: longest side of the style image relative to ``size``.
        seed: of all randomness.
        normalize_gradients: make weights strengths of gradients, comparable between losses and layers.
        device: "auto", "cpu", "cuda", "cuda:N", "mps".
        precision: "auto", "fp32", "bf16".
    """

    preset: str
    size: int
    scales: str
    steps: int
    content_weight: float
    style_weight: float
    content_layers: Sequence[str]
    style_layers: Sequence[str]
    plugins: Sequence[str]
    without: Sequence[str]
    init: str
    optimizer: str
    extractor: str
    weights: str
    style_scale: float
    seed: int
    normalize_gradients: bool
    device: str
    precision: Precision


def default_job(registry: Registry, preset: str, extractor: str = "") -> Job:
    """Return the classic algorithm with a preset's weights: the job that options are laid over."""
    chosen = preset_named(preset)
    component = _component(registry, "extractor", extractor) if extractor else Job.extractor
    network: type[Extractor] = registry.get("extractor", component.name).cls
    return Job(
        terms=(
            Term(CONTENT_LOSS, chosen.content_weight, network.content_layers),
            Term(STYLE_LOSS, chosen.style_weight, network.style_layers),
        ),
        extractor=component,
        initializer=Component(chosen.initializer),
    )


def amend(job: Job, registry: Registry, options: Options) -> Job:
    """Lay options over a job.

    Raises:
        JobError: an option makes no sense; says which.
    """
    for name in options:
        if name not in Options.__annotations__:
            raise unknown_name("option", name, Options.__annotations__)
    if "preset" in options:
        job = _with_preset(job, registry, options["preset"])
    job = _with_extractor(job, registry, options)
    job = _with_normalization(job, registry, options)
    job = replace(job, terms=tuple(_with_terms(job, registry, options)))
    if "init" in options:
        job = replace(job, initializer=_component(registry, "initializer", options["init"]))
    if "optimizer" in options:
        job = replace(job, optimizer=_component(registry, "optimizer", options["optimizer"]))
    plain: dict[str, Any] = {
        name: options[name]
        for name in ("size", "steps", "style_scale", "seed", "device", "precision")
        if name in options
    }
    if "scales" in options:
        plain |= _scales(options["scales"], options.get("size"))
    elif "size" in options and job.scales is not None:  # a recipe, which names its scales
        size = options["size"]
        plain["scales"] = None if size > job.size else tuple(scale for scale in job.scales if scale < size)
    return replace(job, **plain)


def _scales(text: str, size: int | None) -> dict[str, Any]:
    """Return the fields of the job that ``--scales`` sets."""
    if text == "auto":
        return {"scales": None}
    if text == "off":
        return {"scales": ()}
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise JobError(f"scales must be auto, off, or sizes like 256,512,1024, not '{text}'") from None
    if sizes[0] < 1 or list(sizes) != sorted({*sizes}):
        raise JobError(f"scales must grow, like 256,512,1024, not {text}")
    if size is not None and sizes[-1] != size:
        raise JobError(f"the last scale is the size of the picture, but scales are {text} and the size is {size}")
    return {"size": sizes[-1], "scales": sizes[:-1]}


def _component(registry: Registry, kind: str, text: str) -> Component:
    return registry.checked(kind, parse_spec(text))


def _role(registry: Registry, term: Term) -> str:
    return registry.get("loss", term.loss).role


def _usual_weight(registry: Registry, loss: str, normalized: bool, preset: str = "content") -> float:
    """Return the weight at which a loss suits a preset: its own default, in proportion to the preset's α or β."""
    cls: type[Loss] = registry.get("loss", loss).cls
    tuned, wanted = PRESETS["content"], preset_named(preset)
    pairs = {
        "content": (tuned.content_weight, wanted.content_weight),
        "style": (tuned.style_weight, wanted.style_weight),
    }
    usual, weight = pairs.get(cls.role, (1.0, 1.0))
    own = usual if cls.default_weight is None else cls.default_weight
    return (NORMALIZED[cls.role] if normalized else own) * weight / usual


def _usual_layers(registry: Registry, loss: str, extractor: Component) -> tuple[str, ...]:
    """Return the layers that a loss looks at unless told otherwise."""
    cls: type[Loss] = registry.get("loss", loss).cls
    network: type[Extractor] = registry.get("extractor", extractor.name).cls
    if cls.default_layers:
        known = {PIXELS, *registry.create("extractor", extractor).taps()}
        if known.issuperset(cls.default_layers):
            return cls.default_layers
    return {"content": network.content_layers, "style": network.style_layers}.get(cls.role, ())


def _with_preset(job: Job, registry: Registry, name: str) -> Job:
    terms = tuple(
        t
        if _role(registry, t) == "regularizer"
        else replace(t, weight=_usual_weight(registry, t.loss, job.normalize_gradients, name))
        for t in job.terms
    )
    return replace(job, terms=terms, initializer=Component(preset_named(name).initializer))


def _with_extractor(job: Job, registry: Registry, options: Options) -> Job:
    if "extractor" in options:
        component = _component(registry, "extractor", options["extractor"])
        if component != job.extractor:
            terms = tuple(
                replace(t, layers=_usual_layers(registry, t.loss, component), layer_weights=()) for t in job.terms
            )
            job = replace(job, extractor=component, terms=terms, weights_sha256="")
    if "weights" in options:
        params = {**job.extractor.params, "weights": options["weights"]}
        component = registry.checked("extractor", Component(job.extractor.name, params))
        job = replace(job, extractor=component, weights_sha256="")
    return job


def _with_normalization(job: Job, registry: Registry, options: Options) -> Job:
    """Turn the normalisation of gradients on or off; every loss keeps its emphasis."""
    wanted = options.get("normalize_gradients", job.normalize_gradients)
    if wanted == job.normalize_gradients:
        return job
    terms = tuple(
        replace(
            t, weight=t.weight * _usual_weight(registry, t.loss, wanted) / _usual_weight(registry, t.loss, not wanted)
        )
        for t in job.terms
    )
    return replace(job, terms=terms, normalize_gradients=wanted)


@dataclass(frozen=True)
class _Choice:
    """A loss named by ``plugins``: its term without defaults."""

    name: str
    role: str
    weight: float | None
    layers: tuple[tuple[str, ...], tuple[float, ...]] | None
    params: Mapping[str, Any]


def _with_terms(job: Job, registry: Registry, options: Options) -> list[Term]:
    terms = list(job.terms)
    choices = [_choice(registry, text) for text in options.get("plugins", ())]
    for role in ("content", "style", "regularizer"):
        chosen = [c for c in choices if c.role == role]
        if not chosen:
            continue
        names = {c.name for c in chosen}
        old = [t for t in terms if _role(registry, t) == role and (role != "regularizer" or t.loss in names)]
        kept = [t for t in terms if t not in old]
        terms = kept + [t for c in chosen if (t := _term(c, old, job, registry)) is not None]
    terms = _reweighted(terms, registry, options, explicit={c.name for c in choices if c.weight is not None})
    terms = _relayered(terms, registry, options, explicit={c.name for c in choices if c.layers is not None})
    for name in options.get("without", ()):
        if name not in {t.loss for t in terms}:
            raise unknown_name("loss of this job", name, {t.loss for t in terms})
        terms = [t for t in terms if t.loss != name]
    order = ("content", "style", "regularizer")
    return sorted(terms, key=lambda t: order.index(_role(registry, t)))


def _choice(registry: Registry, text: str) -> _Choice:
    spec = parse_spec(text)
    entry = registry.get("loss", spec.name)
    own = {k: v for k, v in spec.params.items() if k not in TERM_FIELDS}
    weight = spec.params.get("weight")
    layers = spec.params.get("layers")
    return _Choice(
        name=spec.name,
        role=entry.role,
        weight=None if weight is None else _number(str(weight), f"the weight of '{spec.name}'"),
        layers=None if layers is None else parse_layers(str(layers).split("+")),
        params=registry.checked("loss", Component(spec.name, own)).params,
    )


def _term(choice: _Choice, old: Sequence[Term], job: Job, registry: Registry) -> Term | None:
    """Make the term of a chosen loss; what it leaves open comes from the loss, then from the term it replaces."""
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


def _reweighted(terms: Iterable[Term], registry: Registry, options: Options, explicit: set[str]) -> list[Term]:
    given = {"content": options.get("content_weight"), "style": options.get("style_weight")}
    changed = []
    for term in terms:
        weight = given.get(_role(registry, term))
        if weight is None or term.loss in explicit:
            changed.append(term)
        elif weight != 0:
            changed.append(replace(term, weight=float(weight)))
    return changed


def _relayered(terms: Iterable[Term], registry: Registry, options: Options, explicit: set[str]) -> list[Term]:
    given = {"content": options.get("content_layers"), "style": options.get("style_layers")}
    changed = []
    for term in terms:
        layers = given.get(_role(registry, term))
        if layers is None or term.loss in explicit:
            changed.append(term)
        else:
            names, factors = parse_layers(layers)
            changed.append(replace(term, layers=names, layer_weights=factors))
    return changed


def parse_layers(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Parse layers written ``NAME`` or ``NAME=FACTOR``; return the names, and the factors if any is given."""
    names, factors = [], []
    for text in texts:
        name, equals, factor = text.strip().partition("=")
        names.append(name)
        factors.append(_number(factor, f"the factor of layer '{name}'") if equals else 1.0)
    if not names or "" in names:
        raise JobError("a list of layers has an empty name; write conv1_2,conv2_2")
    return tuple(names), tuple(factors) if any(f != 1.0 for f in factors) else ()


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise JobError(f"{what} must be a number, not '{text}'") from None
