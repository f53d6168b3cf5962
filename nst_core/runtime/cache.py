"""What a run of many jobs computes once: weights, networks, targets of styles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from nst_core.components import Extractor
from nst_core.components.registry import Registry
from nst_core.job.schema import Component

__all__ = ["Shared"]

T = TypeVar("T")


class Shared:
    """A memory of extractors, networks and targets, to be given to the jobs of one run.

    The most recently used are kept: enough for jobs that alternate, bounded for those that never repeat.
    Extractors are kept by their parameters, so a weight file is found and verified once; networks by layers, device
    and precision; targets of style terms by loss, layers, image and network.
    """

    MOST_NETWORKS = 4
    MOST_TARGETS = 64

    def __init__(self) -> None:
        self._extractors: dict[Hashable, Extractor] = {}
        self._networks: OrderedDict[Hashable, Any] = OrderedDict()
        self._targets: OrderedDict[Hashable, Any] = OrderedDict()

    def extractor(self, registry: Registry, component: Component) -> Extractor:
        """Return the extractor of these parameters."""
        key = spelled(component)
        if key not in self._extractors:
            self._extractors[key] = registry.create("extractor", component)
        return self._extractors[key]

    def network(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the network made for ``key`` before, or make it."""
        return _kept(self._networks, key, make, self.MOST_NETWORKS)

    def targets(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the targets made for ``key`` before, or make them."""
        return _kept(self._targets, key, make, self.MOST_TARGETS)


def spelled(component: Component) -> Hashable:
    """Return a component as a key: its name and its parameters in order."""
    return (component.name, tuple(sorted(component.params.items())))


def _kept(memory: OrderedDict[Hashable, Any], key: Hashable, make: Callable[[], T], most: int) -> T:
    if key not in memory:
        memory[key] = make()
        while len(memory) > most:
            memory.popitem(last=False)
    memory.move_to_end(key)
    value: T = memory[key]
    return value
