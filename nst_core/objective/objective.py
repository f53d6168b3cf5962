"""From terms to one differentiable number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn

from nst_core.components import PIXEL_TAP, PIXELS, ImageLoss, Statistic, Tap
from nst_core.errors import BrokenContractError, JobError, PluginError
from nst_core.objective.features import View
from nst_core.objective.terms import BoundTerm, Targets
from nst_core.objective.tiling import Tile, Tiling
from nst_core.ops import Head

__all__ = ["Evaluation", "Objective", "Recall", "mean_size"]

Recall = Callable[[BoundTerm, Callable[[], Targets]], Targets]
Collected = list[list[Statistic]]  # by term, then by part


@dataclass(frozen=True)
class Evaluation:
    """The objective at one image.

    Attributes:
        total: scalar, the weighted sum of the losses; differentiable if the objective was called, detached if it was
            evaluated.
        losses: unweighted losses, one for each of the objective's ``labels``, detached float32.
        gradient: of the total with respect to the image, in its shape; ``None`` if the objective was called.
    """

    total: Tensor
    losses: Tensor
    gradient: Tensor | None = None


class Objective:
    """Image to total loss, and one number for each term and layer.

    Features of content and style are extracted once, here.

    An image may be evaluated in tiles, with the same result to rounding. First every term's sums over positions are
    added up, tile by tile and without a graph; then the criteria and their gradients with respect to the sums are
    computed, which are small; then the tiles are computed again, these gradients are sent back through each, and what
    arrives at the pixels is added up. The last tile keeps its graph, so that one tile is an ordinary evaluation. The
    idea is that of Galerne, Raad, Lezama and Morel, Scaling Painting Style Transfer, arXiv:2212.13459, for any sum
    over positions.

    Attributes:
        labels: pairs of term and layer, in the order of :attr:`Evaluation.losses`.
        weights: what each loss is multiplied with in the total.
        tiling: how images are cut; may be changed between evaluations.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        terms: Sequence[BoundTerm],
        *,
        taps: Mapping[str, Tap],
        heads: Mapping[str, Head] = MappingProxyType({}),
        content: Tensor | None = None,
        style: Tensor | None = None,
        recall: Recall | None = None,
        most_pixels: int | None = None,
    ) -> None:
        """Extract the targets.

        Args:
            network: maps an image to the feature maps of ``layers``, in order.
            layers: all layers that the terms use, but for the pixels.
            terms: at least one.
            taps: geometry of the layers.
            heads: of the layers whose maps the network returns as they are before their heads; only losses that see
                through heads may use these layers.
            content: ``(1, 3, H, W)`` in [0, 1], or ``None`` where no term needs it.
            style: ``(1, 3, H', W')`` in [0, 1], or ``None`` where no term needs it.
            recall: returns the targets of a term that were computed before, or calls the function given to it.
            most_pixels: of a tile, its margin included; ``None`` evaluates images as a whole.

        Raises:
            JobError: tiles are asked for, but a loss sees whole maps or the tiles are too small.
        """
        self._network = network
        self._layers = tuple(layers)
        self._taps = {PIXELS: PIXEL_TAP, **taps}
        self._heads = dict(heads)
        self._terms = tuple(terms)
        halo = max((term.loss.halo for term in terms if isinstance(term.loss, ImageLoss)), default=0)
        self.tiling = Tiling.of((self._taps[layer] for layer in layers), halo, most_pixels)
        self.labels = tuple((term.label, part) for term in terms for part in term.parts)
        self.weights = tuple(weight for term in terms for weight in term.weights)
        for role, image in (("content", content), ("style", style)):
            aimed = [term for term in terms if term.loss.role == role]
            if aimed and image is not None:
                self._aim(aimed, image, recall)

    @property
    def untileable(self) -> tuple[str, ...]:
        """Labels of the terms that see whole maps."""
        return tuple(term.label for term in self._terms if not term.tileable)

    def targets(self) -> list[Targets]:
        """Return the targets of all terms, in order."""
        return [term.targets for term in self._terms]

    def tile_smaller(self, image: Tensor) -> bool:
        """Halve the tiles that ``image`` is cut to; ``False`` where that is not possible."""
        most = self.tiling.most_pixels or image.shape[-2] * image.shape[-1]
        if self.untileable or most // 2 < self.tiling.least_pixels:
            return False
        self.tiling = replace(self.tiling, most_pixels=most // 2)
        return True

    def _aim(self, terms: Sequence[BoundTerm], image: Tensor, recall: Recall | None) -> None:
        done = False

        def fresh(term: BoundTerm) -> Targets:
            nonlocal done
            if not done:  # at the first term that needs it: all may be known already
                for other in terms:
                    other.targets = {}
                for tile in self._tiles(image):
                    view = self._view(image, tile, tile.cut(image))
                    for other in terms:
                        other.aim(view)
                done = True
            return term.targets

        with torch.no_grad():
            found = [recall(term, partial(fresh, term)) if recall else fresh(term) for term in terms]
        for term, targets in zip(terms, found, strict=True):
            term.targets = targets

    def normalize(self, reference: Tensor) -> None:
        """Divide every weight by the mean absolute gradient of its loss at a reference image, once and for all.

        A weight then says how strongly its loss pulls at a pixel there, whatever the loss, the layer or the network:
        the weights of different losses can be compared. The total stays a function of the image, so that optimizers
        see gradients that belong to values; dividing anew at every step would not leave one, and would blow up a
        loss that is nearly satisfied. A loss that is flat at the reference keeps its weight.

        Args:
            reference: ``(1, 3, H, W)`` in [0, 1]; noise is no loss's target.
        """
        weights = self.weights
        sizes = []
        for number in range(len(weights)):
            self.weights = tuple(float(number == other) for other in range(len(weights)))
            gradient = self.evaluate(reference).gradient
            sizes.append(0.0 if gradient is None else mean_size(gradient))
        self.weights = tuple(w / size if size > 0 else w for w, size in zip(weights, sizes, strict=True))

    def __call__(self, image: Tensor) -> Evaluation:
        """Compute the total as a differentiable function of ``image``, ``(1, 3, H, W)`` in [0, 1], as a whole."""
        (whole,) = Tiling().tiles(*image.shape[-2:])
        losses = self._losses(self._collect(image, whole, image))
        return Evaluation(self._total(losses), losses.detach())

    def evaluate(self, image: Tensor) -> Evaluation:
        """Compute total, losses and gradient at ``image``, ``(1, 3, H, W)`` in [0, 1], in tiles where it is cut.

        Raises:
            JobError: it is to be cut, but a loss sees whole maps.
        """
        image = image.detach()
        *others, last = self._tiles(image)
        collected: Collected | None = None
        with torch.no_grad():
            for tile in others:
                collected = _sum(collected, self._collect(image, tile, tile.cut(image)))
        leaf, kept = self._with_graph(image, last)
        losses, slopes = self._judge(_sum(collected, [[s.detach() for s in term] for term in kept]))
        gradient = _send_back(kept, slopes, leaf)
        if others:
            parts, gradient = gradient, torch.zeros_like(image)
            last.cut(gradient).add_(parts)
        del kept, leaf
        for tile in others:
            leaf, found = self._with_graph(image, tile)
            tile.cut(gradient).add_(_send_back(found, slopes, leaf))
            del found, leaf
        return Evaluation(self._total(losses), losses, gradient)

    def _tiles(self, image: Tensor) -> list[Tile]:
        height, width = image.shape[-2:]
        tiles = self.tiling.tiles(height, width)
        if len(tiles) > 1 and self.untileable:
            raise JobError(
                f"'{self.untileable[0]}' sees whole feature maps and cannot be computed in tiles; use a loss on "
                "statistics or positions ('nst plugins' lists their kinds), or a smaller size with --tile off"
            )
        return tiles

    def _with_graph(self, image: Tensor, tile: Tile) -> tuple[Tensor, Collected]:
        leaf = tile.cut(image).contiguous().detach().requires_grad_()
        return leaf, self._collect(image, tile, leaf)

    def _collect(self, image: Tensor, tile: Tile, pixels: Tensor) -> Collected:
        view = self._view(image, tile, pixels)
        return [term.collect(view) for term in self._terms]

    def _view(self, image: Tensor, tile: Tile, pixels: Tensor) -> View:
        maps = {PIXELS: pixels}
        if self._layers:
            found = self._network(pixels)
            if len(found) != len(self._layers):
                raise PluginError(
                    f"the network gave {len(found)} feature maps for the layers {', '.join(self._layers)}"
                )
            maps |= dict(zip(self._layers, found, strict=True))
        height, width = image.shape[-2:]
        return View(tile, maps, self._taps, (height, width), self._heads)

    def _judge(self, collected: Collected) -> tuple[Tensor, list[Tensor | None]]:
        """Return the losses and the gradient of the total with respect to each sum, in order."""
        leaves = [
            [Statistic(tuple(s.detach().requires_grad_() for s in part.sums), part.weight) for part in term]
            for term in collected
        ]
        with torch.enable_grad():
            losses = self._losses(leaves)
            slopes = torch.autograd.grad(self._total(losses), _sums(leaves), allow_unused=True)
        return losses.detach(), list(slopes)

    def _losses(self, collected: Collected) -> Tensor:
        values = []
        for term, sums in zip(self._terms, collected, strict=True):
            for value in term.judge(sums):
                if value.dim() != 0:
                    raise BrokenContractError(
                        "loss", term.term.loss, f"must give scalars, but gave a tensor of shape {tuple(value.shape)}"
                    )
                values.append(value.float())
        return torch.stack(values)

    def _total(self, losses: Tensor) -> Tensor:
        return torch.dot(losses, losses.new_tensor(self.weights))


def mean_size(gradient: Tensor) -> float:
    """Return the mean absolute value of a gradient of any shape, summed in float64 on the CPU: MPS has none."""
    return float(gradient.abs().cpu().mean(dtype=torch.float64))


def _sums(collected: Collected) -> list[Tensor]:
    return [tensor for term in collected for statistic in term for tensor in statistic.sums]


def _sum(one: Collected | None, other: Collected) -> Collected:
    if one is None:
        return other
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(one, other, strict=True)]


def _send_back(collected: Collected, slopes: Sequence[Tensor | None], leaf: Tensor) -> Tensor:
    """Send gradients of the sums back to the pixels that they were computed from."""
    pairs: Iterator[tuple[Tensor, Tensor | None]] = zip(_sums(collected), slopes, strict=True)
    used = [(tensor, slope) for tensor, slope in pairs if slope is not None and tensor.requires_grad]
    if not used:
        return torch.zeros_like(leaf)
    outputs, gradients = zip(*used, strict=True)
    (gradient,) = torch.autograd.grad(outputs, leaf, gradients, allow_unused=True)
    return torch.zeros_like(leaf) if gradient is None else gradient
