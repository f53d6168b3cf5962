"""What several jobs of a session share: extractors, networks, statistics of style images."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from nst_core.components import Extractor
from nst_core.components.registry import Registry
from nst_core.job.schema import Component
from nst_core.runtime.memory import tensor_bytes

__all__ = ["Cache"]

T = TypeVar("T")


class Cache:
    """A memory of extractors, networks and targets that jobs of one session have in common.

    The most recently used are kept: enough for jobs that alternate, bounded for those that never repeat. Extractors
    are kept by their parameters, so that a weight file is found and verified once; networks by layers, device and
    precision; targets by loss, layer, image and network. Safe to share between threads.
    """

    MAX_NETWORKS = 4
    MAX_COSTS = 16
    MAX_TARGET_BYTES = 1 << 28
    """Memory of targets: hundreds of statistics, but few of the feature maps of losses that compare whole ones."""

    def __init__(self, max_target_bytes: int = MAX_TARGET_BYTES) -> None:
        """Make an empty cache.

        Args:
            max_target_bytes: memory of all targets; one that is larger is not kept.
        """
        self._max_target_bytes = max_target_bytes
        self._lock = threading.RLock()
        self._extractors: dict[Hashable, Extractor] = {}
        self._networks: OrderedDict[Hashable, Any] = OrderedDict()
        self._targets: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._costs: OrderedDict[Hashable, Any] = OrderedDict()

    def extractor(self, registry: Registry, component: Component) -> Extractor:
        """Return the extractor of these parameters."""
        with self._lock:
            if component not in self._extractors:
                self._extractors[component] = registry.create("extractor", component)
            return self._extractors[component]

    def network(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the network made for ``key`` before, or make it."""
        return self._kept(self._networks, self.MAX_NETWORKS, key, make)

    def costs(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was measured for ``key`` before, or measure it."""
        return self._kept(self._costs, self.MAX_COSTS, key, make)

    def _kept(self, kept: OrderedDict[Hashable, Any], most: int, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            if key not in kept:
                kept[key] = make()
                while len(kept) > most:
                    kept.popitem(last=False)
            kept.move_to_end(key)
            value: T = kept[key]
            return value

    def target(self, key: Hashable) -> Any:
        """Return the target kept for ``key``, or ``None``."""
        with self._lock:
            if key not in self._targets:
                return None
            self._targets.move_to_end(key)
            return self._targets[key][0]

    def keep_target(self, key: Hashable, value: Any) -> None:
        """Keep a target in place of those that were used least recently."""
        size = tensor_bytes(value)
        if size > self._max_target_bytes:
            return
        with self._lock:
            self._targets[key] = (value, size)
            self._targets.move_to_end(key)
            while sum(size for _, size in self._targets.values()) > self._max_target_bytes:
                self._targets.popitem(last=False)
