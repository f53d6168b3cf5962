"""What a person chooses, laid over a job: the functions that the table of options applies.

Imports no torch, so that the command can show its help without waiting for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nst_core.errors import JobError
from nst_core.job.schema import Component, Job, Source
from nst_core.options.context import Apply, Context
from nst_core.options.losses import preset_terms, usual_layers, usual_weight

if TYPE_CHECKING:
    from nst_core.components import Preset
    from nst_core.components.registry import Registry

__all__ = [
    "default_job",
    "set_component",
    "set_field",
    "with_blend",
    "with_color",
    "with_extractor",
    "with_fast",
    "with_levels",
    "with_normalization",
    "with_preset",
    "with_size",
    "with_style_scale",
    "with_style_transform",
    "with_weights_file",
]


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
        terms=preset_terms(registry, chosen, component),
        extractor=component,
        initializer=Component(chosen.initializer),
        optimizer=Component(chosen.optimizer),
        parametrization=Component(chosen.parametrization),
        levels=_levels(chosen),
        steps=chosen.steps,
    )


def _levels(preset: type[Preset]) -> tuple[int, ...] | None:
    return () if preset.levels == "off" else None


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
    """Take the preset's losses for the roles that the job has losses of, its start and its schedule."""
    preset = context.registry.preset(name)
    roles = {context.role(term) for term in job.terms}
    taken = [t for t in preset_terms(context.registry, preset, job.extractor) if context.role(t) in roles]
    if job.normalize_gradients:
        taken = [replace(t, weight=usual_weight(context.registry, t.loss, True, name)) for t in taken]
    replaced = {context.role(term) for term in taken}
    kept = [term for term in job.terms if context.role(term) not in replaced]
    return replace(
        job,
        terms=(*taken, *kept),
        initializer=Component(preset.initializer),
        levels=_levels(preset),
        steps=preset.steps,
    )


def with_extractor(job: Job, text: str, context: Context) -> Job:
    """Take another network, and the layers that suit it."""
    component = context.component("extractor", text)
    if component == job.extractor:
        return job
    terms = tuple(
        replace(t, layers=usual_layers(context.registry, t.loss, component), layer_weights=()) for t in job.terms
    )
    return replace(job, extractor=component, terms=terms, weights_sha256="")


def with_fast(job: Job, wanted: bool, context: Context) -> Job:
    """Take the preset's network for a quick look."""
    if not wanted:
        return job
    name = context.given.get("preset", "")
    quick = context.registry.preset(name).quick_extractor
    for option in ("extractor", "weights"):
        if option in context.given:
            raise JobError(f"--fast chooses the network '{quick}' and its weights; omit it, or --{option}")
    if not quick:
        raise JobError("the preset has no network for a quick look; choose one with --extractor")
    return with_extractor(job, quick, context)


def with_weights_file(job: Job, weights: str, context: Context) -> Job:
    """Take another weight set for the network."""
    params = {**job.extractor.params, "weights": weights}
    component = context.registry.checked("extractor", Component(job.extractor.name, params))
    return replace(job, extractor=component, weights_sha256="")


def with_normalization(job: Job, wanted: bool, context: Context) -> Job:
    """Turn the normalisation of gradients on or off; every loss keeps its emphasis."""
    if wanted == job.normalize_gradients:
        return job
    preset = context.given.get("preset", "")

    def usual(loss: str, normalized: bool) -> float:
        return usual_weight(context.registry, loss, normalized, preset)

    terms = tuple(replace(t, weight=t.weight * usual(t.loss, wanted) / usual(t.loss, not wanted)) for t in job.terms)
    return replace(job, terms=terms, normalize_gradients=wanted)


def with_size(job: Job, size: int, context: Context) -> Job:
    """Set the size; the levels of a recipe that are above it go, and a larger picture gets new ones."""
    if "levels" in context.given:
        levels: tuple[int, ...] | None = ()  # set by that option
    elif job.levels is None or (job.levels and size > job.size):
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


def with_style_scale(job: Job, scales: Sequence[float], context: Context) -> Job:  # noqa: ARG001
    """Set the scale of all style images where one number is given, or one number for each of them."""
    for scale in scales:
        Source(scale=scale)  # says what is wrong with it, even where there are no styles
    if len(scales) not in (1, len(job.styles)):
        raise JobError(
            f"{len(scales)} style scales are given for {len(job.styles)} style images; give one for each style, or "
            "one number for all"
        )
    each = scales if len(scales) == len(job.styles) else [*scales] * len(job.styles)
    return replace(job, styles=tuple(replace(s, scale=scale) for s, scale in zip(job.styles, each, strict=True)))


def with_style_transform(job: Job, text: str, context: Context) -> Job:
    """Set the transform of all style images; "none" removes it."""
    transform = None if text == "none" else context.component("transform", text)
    return replace(job, styles=tuple(replace(style, transform=transform) for style in job.styles))


def with_color(job: Job, text: str, context: Context) -> Job:
    """Set the colour mode; "style" leaves the colours of the style images."""
    return replace(job, color=None if text == "style" else context.component("transform", text))
