"""Mixing scales: the fine strokes of one style image on the coarse forms of another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nst_core.api import make_job, run
from nst_core.components import PIXEL_TAP, PIXELS, Tap
from nst_core.components.registry import Registry
from nst_core.engine.result import Result
from nst_core.engine.run import Observer
from nst_core.engine.session import Session
from nst_core.errors import JobError, PluginError
from nst_core.images import ImageInput
from nst_core.job.schema import Job, Term

__all__ = ["COARSEST_STRIDE", "mix_job", "mix_scales"]

COARSEST_STRIDE = 2
"""Greatest stride of the layers that strokes are taken from: VGG-19's first two blocks, whose positions depend on 16
pixels at most. What is larger stays as it is in the coarse image."""


def mix_scales(
    fine: ImageInput,
    coarse: ImageInput,
    *,
    observers: Iterable[Observer] = (),
    session: Session | None = None,
    **options: Any,
) -> Result:
    """Make a style image with the fine strokes of one painting on the coarse forms of another.

    The coarse painting is changed until its statistics at fine layers are those of the fine painting; there is no
    content loss, so that none of its own fine strokes are left (source: Gatys et al. 2017, arXiv:1611.07865, on control
    of scale).

    Args:
        fine: painting whose strokes, grain and colours are taken.
        coarse: painting whose forms stay.
        observers: see :func:`nst_core.stylize`.
        session: see :func:`nst_core.stylize`.
        options: see :func:`nst_core.make_job`; ``size`` is best that of the picture that the style image is for, and
            ``style_layers`` takes the place of the fine layers.

    Returns:
        The mixed style image, of the shape of ``coarse``; its longest side is ``size``.

    Raises:
        NstError: see its subclasses.

    Example:
        >>> import nst_core as nst
        >>> style = nst.mix_scales("fine.jpg", "coarse.jpg", size=512)  # doctest: +SKIP
        >>> nst.stylize("photo.jpg", style.image, size=512).save("pastiche.png")  # doctest: +SKIP
    """
    session = session or Session()
    job = mix_job(fine, coarse, session=session, **options)
    return run(job, content=coarse, styles=fine, observers=observers, session=session)


def mix_job(fine: ImageInput, coarse: ImageInput, *, session: Session, base: Job | None = None, **options: Any) -> Job:
    """Make the job of :func:`mix_scales`: style losses at fine layers alone, from the coarse image, at one level.

    Args:
        fine: see :func:`mix_scales`.
        coarse: see :func:`mix_scales`.
        session: where components are looked up.
        base: a job whose losses, network and optimizer are taken.
        options: see :func:`mix_scales`.

    Raises:
        JobError: an option is invalid, or no style loss looks at a fine layer.
    """
    registry = session.registry
    if base is not None:
        base = replace(base.without_control(), content=None, styles=(), shape=None)
    chosen = {"init": _content_start(registry), "levels": "off", "enlarge": True, **options}
    job = make_job(coarse, fine, base=base, session=session, **chosen)
    taps = {PIXELS: PIXEL_TAP, **session.cache.extractor(registry, job.extractor).taps()}
    terms = [term for term in job.terms if registry.get("loss", term.loss).role != "content"]
    if "style_layers" not in options:
        terms = [fine_term for term in terms if (fine_term := _at_fine_layers(term, taps)) is not None]
    if not any(registry.get("loss", term.loss).role == "style" for term in terms):
        raise JobError(
            f"no style loss looks at a layer with a stride of at most {COARSEST_STRIDE}, from which fine strokes are "
            "taken; name such layers with --style-layers"
        )
    return replace(job, terms=tuple(terms))


def _content_start(registry: Registry) -> str:
    """Return the start of the default preset, or else of the first one, that needs the content image alone."""
    for preset in (registry.preset(), *registry.presets().values()):
        if tuple(registry.get("initializer", preset.initializer).cls.needs) == ("content",):
            return preset.initializer
    raise PluginError("no plugin registers a preset that starts from the content image")


def _is_fine(tap: Tap | None) -> bool:
    return tap is None or tap.stride <= COARSEST_STRIDE  # one that there is not is an error later on


def _at_fine_layers(term: Term, taps: Mapping[str, Tap]) -> Term | None:
    """Return a term at those of its layers that are fine; ``None`` if none is."""
    if not term.layers:
        return term
    factors = term.layer_weights or (1.0,) * len(term.layers)
    both = zip(term.layers, factors, strict=True)
    kept = [(layer, factor) for layer, factor in both if _is_fine(taps.get(layer))]
    if not kept:
        return None
    layers, weights = zip(*kept, strict=True)
    return replace(term, layers=layers, layer_weights=weights if term.layer_weights else ())
