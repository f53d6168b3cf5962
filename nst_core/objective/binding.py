"""Binding the losses of a job to the layers of its extractor."""

from __future__ import annotations

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

__all__ = ["bind_terms"]


def bind_terms(job: Job, registry: Registry, extractor: Extractor) -> list[BoundTerm]:
    """Make the losses of a job and bind them to the extractor's layers; equal names get a number.

    Raises:
        JobError: a term has no layers although its loss needs some.
        UnknownNameError: a loss or layer does not exist.
    """
    taps = {PIXELS: PIXEL_TAP, **extractor.taps()}
    bound: list[BoundTerm] = []
    for label, term in zip(job.labels, job.terms, strict=True):
        loss = registry.create("loss", Component(term.loss, term.params))
        check_layers(term.layers, taps)
        if not term.layers and not isinstance(loss, ImageLoss):
            raise JobError(f"'{term.loss}' has no layers; name some with --{loss.role}-layers")
        bound.append(bind(label, loss, term, taps))
    return bound
