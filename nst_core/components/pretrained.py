"""Extractors whose networks have weights from a file."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import ClassVar

from nst_core.components.extractor import Extractor
from nst_core.weights import Architecture, WeightSet, find, several

__all__ = ["PretrainedExtractor"]


class PretrainedExtractor(Extractor):
    """An extractor whose network has weights from a file.

    A subclass states its :attr:`architecture` as a class attribute, implements :meth:`taps`, and builds its network in
    :meth:`network` from ``self.weight_set.tensors()``. ``nst weights`` can then fetch, import and verify its weights.
    """

    weights: str
    """Path of a weight file or name of a weight set; "" for the default."""

    # By architecture, so that two extractors do not download or measure the same weights at the same time.
    _locks: ClassVar[dict[str, threading.RLock]] = {}
    _weight_set: WeightSet | None = None

    def __init__(self, weights: str = "") -> None:
        self.weights = weights

    @property
    @abstractmethod
    def architecture(self) -> Architecture:
        """The tensors of the network; a class attribute, unless it depends on a parameter of the extractor."""

    @property
    def weight_set(self) -> WeightSet:
        """The weight set, found by :meth:`find_weights` on first access; safe to access from several threads.

        Raises:
            UnknownNameError: there is no weight set of that name.
            WeightsError: the weights are missing or not usable.
        """
        if self._weight_set is None:
            with self._locks.setdefault(self.architecture.name, threading.RLock()):
                if self._weight_set is None:
                    self._weight_set = self.find_weights()
        return self._weight_set

    def find_weights(self) -> WeightSet:
        """Find :attr:`weights` with :func:`nst_core.weights.find`; override this to look elsewhere.

        Raises:
            UnknownNameError: there is no weight set of that name.
            WeightsError: the weights are missing or not usable.
        """
        return find(self.weights, self.architecture)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the weight file as 64 hex digits."""
        return self.weight_set.sha256

    def remark(self) -> str:
        """Say which weight set is used where none is named and the store has several."""
        names = [] if self.weights else several(self.weight_set)
        if not names:
            return ""
        return (
            f"the weights are those of the set '{self.weight_set.name}'; of {self.architecture.name} the store has "
            f"{', '.join(names)}: choose one with --weights NAME"
        )
