"""Binding the losses of a job to the layers of its extractor."""

from __future__ import annotations

from dataclasses import replace

from nst_core.components import (
    PIXEL_TAP,
    PIXELS,
    Extractor,
    ImageLoss,
    check_layers,
)
from nst_core.components.registry import Registry
from nst_core.errors import JobError
from nst_core.job.schema import Component, Job
from nst_core.objective.terms import BoundTerm, bind

__all__ = ["bind_terms", "content_factor"]

STRENGTH_DECADES = 1.5
"""Powers of ten by which a strength of 0 or 1 changes the content weight."""


def content_factor(strength: float) -> float:
    """Return what the weights of the content losses are multiplied by at a strength of the style.

    Distances to content and style follow the logarithm of the ratio of the weights, nearly evenly between the
    photograph and the texture: 10^(1.5 (1 - 2 s)), which is 1 at s = ½.

    Args:
        strength: from 0 to 1.
    """
    factor: float = 10 ** (STRENGTH_DECADES * (1 - 2 * strength))
    return factor


def bind_terms(job: Job, registry: Registry, extractor: Extractor) -> list[BoundTerm]:
    """Make the losses of a job and bind them to the extractor's layers; equal names get a number.

    Raises:
        JobError: a term has no layers although its loss needs some.
        UnknownNameError: a loss or layer does not exist.
    """
    taps = {PIXELS: PIXEL_TAP, **extractor.taps()}
    factor = content_factor(job.strength)
    bound: list[BoundTerm] = []
    for label, term in zip(job.labels, job.terms, strict=True):
        loss = registry.create("loss", Component(term.loss, term.params))
        check_layers(term.layers, taps)
        if not term.layers and not isinstance(loss, ImageLoss):
            raise JobError(f"'{term.loss}' has no layers; name some with --{loss.role}-layers")
        weighted = replace(term, weight=term.weight * factor) if loss.role == "content" and factor != 1 else term
        bound.append(bind(label, loss, weighted, taps))
    return bound
