"""From terms to one differentiable number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from nst_core.components import ImageLoss, Statistic, Tap
from nst_core.errors import BrokenContractError, JobError
from nst_core.objective.features import FeatureNetwork, TileFeatures
from nst_core.objective.guides import Guides
from nst_core.objective.recording import Collected, Recording, all_sums
from nst_core.objective.targets import TargetCache, TargetImages, Targets, find_targets
from nst_core.objective.terms import BoundTerm
from nst_core.objective.tiling import Tile, Tiling
from nst_core.ops import Projection, to_device

__all__ = ["Evaluation", "Objective", "mean_absolute"]


@dataclass(frozen=True)
class Evaluation:
    """The objective at one image.

    Attributes:
        total: scalar, the weighted sum of the losses; differentiable if the objective was called, detached if it was
            evaluated.
        losses: unweighted losses, one for each of the objective's ``labels``, detached; float32, or float64 where the
            image is.
        gradient: of the total with respect to the image, in its shape; ``None`` if the objective was called.
    """

    total: Tensor
    losses: Tensor
    gradient: Tensor | None = None


class Objective:
    """Image and targets to total loss, and one number for each term and layer. It never changes once it is made.

    An image may be evaluated in tiles, with the same result to rounding. First every term's sums over positions are
    added up, tile by tile and without a graph; then the criteria and their gradients with respect to the sums are
    computed, which are small; then the tiles are computed again, these gradients are sent back through each, and what
    arrives at the pixels is added up. The last tile keeps its graph, so that one tile is an ordinary evaluation. The
    idea is that of Galerne, Raad, Lezama and Morel, Scaling Painting Style Transfer, arXiv:2212.13459, for any sum
    over positions.

    Attributes:
        labels: pairs of term and layer, in the order of :attr:`Evaluation.losses`.
        weights: what each loss is multiplied with in the total, unless an evaluation is given others.
        geometry: stride and halo that images are cut by; leaves them whole.
        untileable: labels of the terms that see whole maps.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        terms: Sequence[BoundTerm],
        *,
        taps: Mapping[str, Tap],
        projections: Mapping[str, Projection] = MappingProxyType({}),
        regions: Mapping[str, Sequence[Guides]] = MappingProxyType({}),
    ) -> None:
        """Make an objective.

        Args:
            network: maps an image to the feature maps of ``layers``, in order.
            layers: all layers that the terms use, but for the pixels.
            terms: at least one.
            taps: geometry of the layers.
            projections: of the layers whose maps the network returns as they are before their projections; only losses
                that have a projected statistic may use these layers.
            regions: parts of the pastiche that are compared each with a target of its own, by source; their losses are
                multiplied by their shares and added up. A source that is not named has one, which is everything.

        Raises:
            JobError: there are regions, but a loss cannot be kept to one.
        """
        self._network = FeatureNetwork(network, layers, taps, projections)
        self._regions = dict(regions)
        self._terms = tuple(terms)
        halo = max((term.loss.halo for term in terms if isinstance(term.loss, ImageLoss)), default=0)
        self.geometry = Tiling.of((self._network.taps[layer] for layer in layers), halo)
        for term in terms:
            if any(region.mask is not None for region in self._regions_of(term)):
                term.check_takes_regions()
        self.labels = tuple((term.label, part) for term in terms for part in term.parts)
        self.weights = tuple(weight for term in terms for weight in term.weights)
        self.untileable = tuple(term.label for term in terms if not term.tileable)

    def targets(
        self,
        images: TargetImages,
        *,
        start: Tensor | None = None,
        tiling: Tiling | None = None,
        cache: TargetCache | None = None,
    ) -> Targets:
        """Extract what the terms compare with; see :func:`~nst_core.objective.targets.find_targets`.

        Args:
            images: by source; a source that no term needs is not looked at.
            start: the image ``(1, 3, H, W)`` in [0, 1] that a level starts from, for terms whose targets depend on it.
            tiling: how the images are cut; whole by default.
            cache: where targets are looked up and kept.

        Raises:
            JobError: a term needs a source that has no image, or a start and there is none, or the images are to be cut
                but a loss sees whole maps.
        """
        return find_targets(
            self._network,
            self._terms,
            self._regions,
            images,
            cut=lambda image: self._tiles(image, tiling),
            start=start,
            cache=cache,
        )

    def normalized_weights(
        self, reference: Tensor, targets: Targets, *, tiling: Tiling | None = None
    ) -> tuple[float, ...]:
        """Return every weight divided by the mean absolute gradient of its loss at a reference image.

        A weight then says how strongly its loss pulls at a pixel there, whatever the loss, the layer or the network:
        the weights of different losses can be compared. The total stays a function of the image, so that optimizers
        see gradients that belong to values; dividing anew at every step would not leave one, and would blow up a
        loss that is nearly satisfied. A loss that is flat at the reference keeps its weight.

        Args:
            reference: ``(1, 3, H, W)`` in [0, 1]; noise is no loss's target.
            targets: of the terms.
            tiling: how the reference is cut; whole by default.
        """
        sizes = []
        for number in range(len(self.weights)):
            alone = tuple(float(number == other) for other in range(len(self.weights)))
            gradient = self.evaluate(reference, targets, weights=alone, tiling=tiling).gradient
            sizes.append(0.0 if gradient is None else mean_absolute(gradient))
        return tuple(w / size if size > 0 else w for w, size in zip(self.weights, sizes, strict=True))

    def __call__(self, image: Tensor, targets: Targets, *, weights: Sequence[float] | None = None) -> Evaluation:
        """Compute the total as a differentiable function of ``image``, ``(B, 3, H, W)`` in [0, 1], as a whole.

        Args:
            image: the pastiche.
            targets: of the terms.
            weights: in the order of the labels; the objective's own by default.
        """
        (whole,) = Tiling().tiles(*image.shape[-2:])
        losses = self._losses(self._collect(image, whole, image, targets), targets, image.dtype)
        return Evaluation(torch.dot(losses, self._weights(losses, weights)), losses.detach())

    def evaluate(
        self,
        image: Tensor,
        targets: Targets,
        *,
        weights: Sequence[float] | None = None,
        tiling: Tiling | None = None,
    ) -> Evaluation:
        """Compute total, losses and gradient at ``image``, ``(B, 3, H, W)`` in [0, 1].

        Args:
            image: the pastiche.
            targets: of the terms.
            weights: in the order of the labels; the objective's own by default.
            tiling: how the image is cut; whole by default.

        Raises:
            JobError: the image is to be cut, but a loss sees whole maps.
        """
        image = image.detach()
        *others, last = self._tiles(image, tiling)
        collected: Collected | None = None
        with torch.no_grad():
            for tile in others:
                collected = _sum(collected, self._collect(image, tile, tile.cut(image), targets))
        recording = self._record(image, last, targets)
        total, losses, slopes = self._judge(_sum(collected, recording.detached()), targets, weights, image.dtype)
        gradient = recording.send_back(slopes)
        if others:
            parts, gradient = gradient, torch.zeros_like(image)
            last.cut(gradient).add_(parts)
        del recording
        for tile in others:
            tile.cut(gradient).add_(self._record(image, tile, targets).send_back(slopes))
        return Evaluation(total, losses, gradient)

    def _tiles(self, image: Tensor, tiling: Tiling | None) -> list[Tile]:
        height, width = image.shape[-2:]
        tiles = (tiling or self.geometry).tiles(height, width)
        if len(tiles) > 1 and self.untileable:
            raise JobError(
                f"'{self.untileable[0]}' needs whole feature maps and cannot be computed in tiles; use a loss on "
                "statistics or positions ('nst plugins' lists their kinds), or a smaller size with --tile off"
            )
        return tiles

    def _record(self, image: Tensor, tile: Tile, targets: Targets) -> Recording:
        leaf = tile.cut(image).contiguous().detach().requires_grad_()
        features, pull_back = self._network.traced(image, tile, leaf, self._regions)
        collected = self._gather(features, targets)
        reads = [
            term.reads[number % len(term.parts)]
            for term, found in zip(self._terms, collected, strict=True)
            for number, statistic in enumerate(found)
            for _ in statistic.sums
        ]
        return Recording(features, self._network.layers, pull_back, collected, reads)

    def _collect(self, image: Tensor, tile: Tile, pixels: Tensor, targets: Targets) -> Collected:
        return self._gather(self._network.features(image, tile, pixels, self._regions), targets)

    def _gather(self, features: TileFeatures, targets: Targets) -> Collected:
        return [
            [
                statistic
                for target, guides in zip(by_region, self._regions_of(term), strict=True)
                for statistic in term.collect(features, target, guides)
            ]
            for term, by_region in zip(self._terms, targets.by_term, strict=True)
        ]

    def _regions_of(self, term: BoundTerm) -> Sequence[Guides]:
        return self._regions.get(term.source, (Guides(),))

    def _judge(
        self, collected: Collected, targets: Targets, weights: Sequence[float] | None, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor, list[Tensor | None]]:
        """Return the total, the losses, and the gradient of the total with respect to each sum, in order."""
        leaves = [
            [Statistic(tuple(s.detach().requires_grad_() for s in part.sums), part.weight) for part in term]
            for term in collected
        ]
        with torch.enable_grad():
            losses = self._losses(leaves, targets, dtype)
            total = torch.dot(losses, self._weights(losses, weights))
            slopes = torch.autograd.grad(total, all_sums(leaves), allow_unused=True)
        return total.detach(), losses.detach(), list(slopes)

    def _losses(self, collected: Collected, targets: Targets, dtype: torch.dtype) -> Tensor:
        """Return one number for each label: float32, or float64 where the image is."""
        values: list[Tensor] = []
        for term, sums, by_region in zip(self._terms, collected, targets.by_term, strict=True):
            parts = len(term.parts)
            losses: list[Tensor] = []
            for number, (target, guides) in enumerate(zip(by_region, self._regions_of(term), strict=True)):
                judged = term.judge(sums[number * parts : (number + 1) * parts], target)
                found = [guides.share * _scalar(term, value, dtype) for value in judged]
                losses = [one + other for one, other in zip(losses, found, strict=True)] if losses else found
            values += losses
        return torch.stack(values)

    def _weights(self, losses: Tensor, weights: Sequence[float] | None) -> Tensor:
        chosen = torch.tensor(self.weights if weights is None else weights, dtype=losses.dtype)
        return to_device(chosen, losses.device)


def mean_absolute(gradient: Tensor) -> float:
    """Return the mean absolute value of a gradient of any shape, in float64; on the CPU for MPS, which has none."""
    sizes = gradient.abs()
    return float((sizes.cpu() if sizes.device.type == "mps" else sizes).mean(dtype=torch.float64))


def _scalar(term: BoundTerm, value: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what a loss gave, if it is a scalar: float32, or float64 where the image is."""
    if value.dim() != 0:
        raise BrokenContractError(
            "loss", term.term.loss, f"must give scalars, but gave a tensor of shape {tuple(value.shape)}"
        )
    return value.to(torch.promote_types(dtype, torch.float32))


def _sum(one: Collected | None, other: Collected) -> Collected:
    if one is None:
        return other
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(one, other, strict=True)]
