"""The layers at which pictures are compared."""

from __future__ import annotations

from collections.abc import Sequence

from nst_core.engine.session import Session
from nst_core.errors import JobError
from nst_core.job.schema import Component, Job
from nst_core.objective.networks import layers_used

__all__ = ["layers_for", "metric_layers", "structure_layer"]


def metric_layers(session: Session, extractor: Component, layers: Sequence[str] = ()) -> list[str]:
    """Return the layers to compare at: those given ("all" is all), else those that the extractor's presets use.

    Raises:
        JobError: a layer does not exist, or none is given and the presets use none.
    """
    network = session.cache.extractor(session.registry, extractor)
    taps = network.taps()
    if list(layers) == ["all"]:
        return list(taps)
    wanted = set(layers or (*network.content_layers, *network.style_layers))
    if not wanted:
        raise JobError(
            f"the extractor '{extractor.name}' has no default layers; name some with --layers; "
            f"there are: {', '.join(taps)}"
        )
    for layer in wanted - set(taps):
        raise JobError(f"the extractor '{extractor.name}' has no layer '{layer}'; there are: {', '.join(taps)}")
    return [layer for layer in taps if layer in wanted]


def layers_for(job: Job, session: Session) -> list[str]:
    """Return the layers to compare the picture of a job at: those of the presets, else those that its losses use.

    Raises:
        JobError: there are none of either.
    """
    network = session.cache.extractor(session.registry, job.extractor)
    if network.content_layers or network.style_layers:
        return metric_layers(session, job.extractor)
    return metric_layers(session, job.extractor, layers_used(job, network))


def structure_layer(layers: Sequence[str], content_layers: Sequence[str]) -> str:
    """Return the layer at which self-similarities are compared: the deepest content layer of those compared at.

    Args:
        layers: those compared at, from shallow to deep, at least one.
        content_layers: of the extractor; where none of them is compared at, it is the deepest of ``layers``.
    """
    return next((layer for layer in reversed(layers) if layer in content_layers), layers[-1])
