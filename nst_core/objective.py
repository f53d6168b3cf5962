"""From terms to one differentiable number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from nst_core.errors import BrokenContractError, PluginError
from nst_core.interfaces import PIXELS
from nst_core.terms import BoundTerm, Features, Targets

__all__ = ["Evaluation", "Objective", "Recall"]

Recall = Callable[[BoundTerm, Callable[[], Targets]], Targets]


@dataclass(frozen=True)
class Evaluation:
    """The objective at one image.

    Attributes:
        total: scalar, the weighted sum of the losses, differentiable.
        losses: unweighted losses, one for each of the objective's ``labels``, detached float32.
    """

    total: Tensor
    losses: Tensor


class Objective:
    """Image to total loss, and one number for each term and layer.

    Features of content and style are extracted once, here.

    Attributes:
        labels: pairs of term and layer, in the order of :attr:`Evaluation.losses`.
        weights: what each loss is multiplied with in the total.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        terms: Sequence[BoundTerm],
        *,
        content: Tensor | None = None,
        style: Tensor | None = None,
        recall: Recall | None = None,
    ) -> None:
        """Extract the targets.

        Args:
            network: maps an image to the feature maps of ``layers``, in order.
            layers: all layers that the terms use, but for the pixels.
            terms: at least one.
            content: ``(1, 3, H, W)`` in [0, 1], or ``None`` where no term needs it.
            style: ``(1, 3, H', W')`` in [0, 1], or ``None`` where no term needs it.
            recall: returns the targets of a term that were computed before, or calls the function given to it.
        """
        self._network = network
        self._layers = tuple(layers)
        self._terms = tuple(terms)
        self.labels = tuple((term.label, part) for term in terms for part in term.parts)
        self.weights = tuple(weight for term in terms for weight in term.weights)
        for role, image in (("content", content), ("style", style)):
            aimed = [term for term in terms if term.loss.role == role]
            if aimed and image is not None:
                self._aim(aimed, image, recall)

    def _aim(self, terms: Sequence[BoundTerm], image: Tensor, recall: Recall | None) -> None:
        features: dict[str, Tensor] = {}

        def fresh(term: BoundTerm) -> Targets:
            if not features:  # at the first term that needs them: all may be known already
                features.update(self._features(image))
            term.aim(features)
            return term.targets

        with torch.no_grad():
            for term in terms:
                term.targets = recall(term, partial(fresh, term)) if recall else fresh(term)

    def normalize(self, reference: Tensor) -> None:
        """Divide every weight by the mean absolute gradient of its loss at a reference image, once and for all.

        A weight then says how strongly its loss pulls at a pixel there, whatever the loss, the layer or the network:
        the weights of different losses can be compared. The total stays a function of the image, so that optimizers
        see gradients that belong to values; dividing anew at every step would not leave one, and would blow up a
        loss that is nearly satisfied. A loss that is flat at the reference keeps its weight.

        Args:
            reference: ``(1, 3, H, W)`` in [0, 1]; noise is no loss's target.
        """
        sizes = []
        for number in range(len(self.labels)):
            leaf = reference.detach().clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self._values(leaf)[number], leaf, allow_unused=True)
            sizes.append(0.0 if gradient is None else float(gradient.abs().mean(dtype=torch.float64)))
        self.weights = tuple(w / size if size > 0 else w for w, size in zip(self.weights, sizes, strict=True))

    def _features(self, image: Tensor) -> Features:
        features = {PIXELS: image}
        if self._layers:
            maps = self._network(image)
            if len(maps) != len(self._layers):
                raise PluginError(f"the network gave {len(maps)} feature maps for the layers {', '.join(self._layers)}")
            features |= dict(zip(self._layers, maps, strict=True))
        return features

    def __call__(self, image: Tensor) -> Evaluation:
        """Evaluate at ``image``, ``(1, 3, H, W)`` in [0, 1]."""
        losses = torch.stack(self._values(image))
        total = torch.dot(losses, losses.new_tensor(self.weights))
        return Evaluation(total, losses.detach())

    def _values(self, image: Tensor) -> list[Tensor]:
        features = self._features(image)
        return [value for term in self._terms for value in self._losses(term, image, features)]

    @staticmethod
    def _losses(term: BoundTerm, image: Tensor, features: Features) -> list[Tensor]:
        values = [value.float() for value in term.losses(image, features)]
        for value in values:
            if value.dim() != 0:
                raise BrokenContractError(
                    "loss", term.term.loss, f"must give scalars, but gave a tensor of shape {tuple(value.shape)}"
                )
        return values
