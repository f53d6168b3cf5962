"""What is measured: one content term and five style terms on VGG-19, on generated images of any size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core import Component, Extractor, Job, Problem, Session, dead_leaves, default_registry, make_job
from nst_core.job.schema import Precision
from nst_core.objective.networks import layers_used
from nst_core.ops import ConvStack
from nst_plugins.extractors.vgg.network import VggNetwork

__all__ = ["Pair", "have_weights"]

PRECISIONS: dict[str, Precision] = {"fp32": "fp32", "bf16": "bf16", "auto": "auto"}


def have_weights(weights: str = "") -> None:
    """Find the weights of VGG-19, or download them, before several processes do so at the same time.

    Args:
        weights: as for ``nst run --weights``; "" for the best at hand.

    Raises:
        WeightsError: they are not to be had.
    """
    default_registry().create("extractor", Component("vgg19", {"weights": weights})).fingerprint()


@dataclass(frozen=True)
class Pair:
    """Two images, and the weights of the network that compares them.

    Attributes:
        content: ``(1, 3, H, W)`` in [0, 1].
        style: ``(1, 3, H', W')`` in [0, 1].
        weights: of VGG-19, as for ``nst run --weights``; "" for the best at hand.
    """

    content: Tensor
    style: Tensor
    weights: str = ""

    @classmethod
    def generated(cls, width: int, weights: str = "") -> Pair:
        """Make images of ``width`` by three quarters of it; seeded."""
        generator = torch.Generator().manual_seed(0)
        height = width * 3 // 4
        return cls(dead_leaves(height, width, generator), dead_leaves(height, width, generator), weights)

    def job(self, precision: Precision) -> Job:
        """Return the job of the preset ``content`` on these images, with VGG-19, on the CPU."""
        size = max(*self.content.shape[-2:], *self.style.shape[-2:])
        return make_job(
            self.content,
            self.style,
            preset="content",
            extractor="vgg19",
            size=size,
            precision=precision,
            device="cpu",
            weights=self.weights,
        )

    def problem(self, precision: Precision) -> Problem:
        """Return the framework's own form of the problem."""
        prepared = Session().prepare(self.job(precision), content=self.content, styles=[self.style])
        return prepared.problem()

    def layers(self) -> tuple[Extractor, list[str]]:
        """Return the extractor, and the layers in use from shallow to deep."""
        job = self.job("fp32")
        extractor: Extractor = default_registry().create("extractor", job.extractor)
        return extractor, layers_used(job, extractor)

    def stack(self) -> ConvStack:
        """Return the network's layers in float32."""
        extractor, layers = self.layers()
        network = extractor.build(layers)
        assert isinstance(network, VggNetwork)  # noqa: S101 - for the type checker
        return network.stack()
