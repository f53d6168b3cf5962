"""What several jobs of a session share: extractors, networks, statistics of style images."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from nst_core.components import Extractor
from nst_core.components.registry import Registry
from nst_core.job.schema import Component

__all__ = ["Cache"]

T = TypeVar("T")


class Cache:
    """A memory of extractors, networks and targets that jobs of one session have in common.

    The most recently used are kept: enough for jobs that alternate, bounded for those that never repeat. Extractors
    are kept by their parameters, so that a weight file is found and verified once; networks by layers, device and
    precision; targets by loss, layer, image and network. Safe to share between threads.
    """

    MAX_NETWORKS = 4
    MAX_TARGETS = 320

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._extractors: dict[Hashable, Extractor] = {}
        self._networks: OrderedDict[Hashable, Any] = OrderedDict()
        self._targets: OrderedDict[Hashable, Any] = OrderedDict()

    def extractor(self, registry: Registry, component: Component) -> Extractor:
        """Return the extractor of these parameters."""
        with self._lock:
            if component not in self._extractors:
                self._extractors[component] = registry.create("extractor", component)
            return self._extractors[component]

    def network(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the network made for ``key`` before, or make it."""
        with self._lock:
            if key not in self._networks:
                self._networks[key] = make()
                _trim(self._networks, self.MAX_NETWORKS)
            self._networks.move_to_end(key)
            value: T = self._networks[key]
            return value

    def target(self, key: Hashable) -> Any:
        """Return the target kept for ``key``, or ``None``."""
        with self._lock:
            if key in self._targets:
                self._targets.move_to_end(key)
            return self._targets.get(key)

    def keep_target(self, key: Hashable, value: Any) -> None:
        """Keep a target."""
        with self._lock:
            self._targets[key] = value
            _trim(self._targets, self.MAX_TARGETS)


def _trim(entries: OrderedDict[Hashable, Any], most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)
