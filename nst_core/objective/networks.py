"""The network of a job: which layers it needs, and the module that computes them on a device."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from nst_core.components import Extractor
from nst_core.components.registry import Registry
from nst_core.errors import ImageError
from nst_core.job.schema import Job
from nst_core.objective.binding import bind_terms
from nst_core.objective.guides import Guides
from nst_core.objective.objective import Objective
from nst_core.objective.terms import BoundTerm
from nst_core.ops import HasProjections, Projection, accelerated
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import memory_format

__all__ = ["Network", "check_minimum", "layers_used", "network_for", "network_on"]


@dataclass(frozen=True)
class Network:
    """The network of a job, its layers and the extractor that it is of.

    Attributes:
        extractor: whose network it is.
        layers: whose maps it returns, from shallow to deep.
        module: on its device.
        projections: those that were taken from it, by layer.
    """

    extractor: Extractor
    layers: list[str]
    module: nn.Module
    projections: Mapping[str, Projection]

    def objective(
        self, terms: Sequence[BoundTerm], regions: Mapping[str, Sequence[Guides]] = MappingProxyType({})
    ) -> Objective:
        """Return the objective of some terms on this network, with the regions of the pastiche by source."""
        return Objective(
            self.module,
            self.layers,
            terms,
            taps=self.extractor.taps(),
            projections=self.projections,
            regions=regions,
        )


def network_for(job: Job, registry: Registry, cache: Cache, device: torch.device, dtype: torch.dtype) -> Network:
    """Return the network that a job needs, from the cache if it is there."""
    extractor = cache.extractor(registry, job.extractor)
    layers = layers_used(job, extractor)
    whole = {
        layer
        for term in bind_terms(job, registry, extractor)
        if not term.has_projected_statistic
        for layer in term.term.layers
    }
    bare = tuple(layer for layer in layers if layer not in whole)
    key = (job.extractor, tuple(layers), bare, device, dtype)
    module, projections = cache.network(key, lambda: network_on(extractor, layers, device, dtype, bare))
    return Network(extractor, layers, module, projections)


def network_on(
    extractor: Extractor, layers: Sequence[str], device: torch.device, dtype: torch.dtype, bare: Collection[str] = ()
) -> tuple[nn.Module, Mapping[str, Projection]]:
    """Build the network of ``layers`` on a device, on the native kernels where there are some.

    Args:
        extractor: whose network it is.
        layers: in the order in which the maps are returned.
        device: where it computes.
        dtype: of its parameters and maps.
        bare: layers whose maps are returned as they are before their projections.

    Returns:
        The network, and the projections of the ``bare`` layers.
    """
    network = extractor.build(layers) if layers else nn.Identity()
    network = network.to(device=device, dtype=dtype).to(memory_format=memory_format(device))
    projections = network.detach_projections(bare) if isinstance(network, HasProjections) else {}
    return accelerated(network), projections  # and let go of the original's weights


def layers_used(job: Job, extractor: Extractor) -> list[str]:
    """Return the layers that the terms of a job need the network for, from shallow to deep."""
    used = {layer for term in job.terms for layer in term.layers}
    return [layer for layer in extractor.taps() if layer in used]


def check_minimum(layers: Sequence[str], extractor: Extractor, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Check that images have at least one position at every layer.

    Args:
        layers: of the extractor.
        extractor: whose layers they are.
        sizes: height and width in pixels by what the image is called.

    Raises:
        ImageError: one is too small.
    """
    if not layers:
        return
    taps = extractor.taps()
    deepest = max(layers, key=lambda layer: taps[layer].stride)
    least = taps[deepest].stride
    for name, (height, width) in sizes.items():
        if min(height, width) < least:
            raise ImageError(
                f"the {name} has {width}×{height} pixels, but layer {deepest} needs at least {least}×{least}; "
                "use a larger image or size, or shallower layers"
            )
