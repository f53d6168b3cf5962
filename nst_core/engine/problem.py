"""A problem: what is optimised at one resolution level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nst_core.components import ImageTransform, Optimizer, Parametrization
from nst_core.engine.kept import Kept
from nst_core.job.schema import Component, Precision
from nst_core.objective.objective import Evaluation, Objective
from nst_core.objective.targets import Targets
from nst_core.objective.tiling import Tiling
from nst_core.runtime.device import convolution_precision

__all__ = ["Problem", "smaller_tiles"]


@dataclass(frozen=True)
class Problem:
    """What is optimised at one resolution level.

    Attributes:
        objective: image and targets to loss.
        targets: of its terms.
        weights: of the losses, in the objective's order.
        tiling: how the image is cut.
        parametrization: between variable and image.
        variable: the first point.
        size: height and width of the image in pixels.
        steps: number of evaluations, at least 1.
        optimizer: not yet started.
        optimizer_component: its name and parameters.
        dtype: of the network.
        precision: of the job, pinned: what the dtype does not say.
        kept: pixels that are the content image's own, ``None`` for none.
        color: colour mode, which finishes pictures; ``None`` leaves them as they are.
        photograph: content image ``(1, 3, H, W)`` of this size on the device, ``None`` without one or a colour mode.
        note: what was unusual about finding the targets, or "".
    """

    objective: Objective
    targets: Targets = field(repr=False)
    weights: tuple[float, ...]
    tiling: Tiling
    parametrization: Parametrization
    variable: Tensor = field(repr=False)
    size: tuple[int, int]
    steps: int
    optimizer: Optimizer
    optimizer_component: Component
    dtype: torch.dtype
    precision: Precision
    color: ImageTransform | None = None
    photograph: Tensor | None = field(default=None, repr=False)
    kept: Kept | None = None
    note: str = ""

    def image(self, variable: Tensor) -> Tensor:
        """Return the image of a variable, ``(1, 3, H, W)`` in [0, 1], as the network sees it."""
        image = self.parametrization.decode(variable)
        return self.kept.over(image) if self.kept else image

    def finished(self, image: Tensor) -> Tensor:
        """Return an image ``(1, 3, H, W)`` of this level as a person is to see it, in [0, 1]."""
        if self.color is None:
            return image
        found = self.color.finish(image, self.photograph)
        if self.kept is None or self.photograph is None:
            return found
        return Kept(self.kept.mask, self.photograph).over(found)

    def evaluate(
        self,
        variable: Tensor | None = None,
        *,
        weights: Sequence[float] | None = None,
        tiling: Tiling | None = None,
    ) -> tuple[Evaluation, Tensor]:
        """Evaluate the objective once.

        Args:
            variable: where; at the first point by default.
            weights: of the losses, in the objective's order; the problem's own by default.
            tiling: how the image is cut; the problem's own by default.

        Returns:
            The objective, with its gradient with respect to the variable, and the image ``(1, 3, H, W)``.
        """
        point = self.variable if variable is None else variable
        image = self.image(point)
        with convolution_precision(self.precision, point.device):
            found = self.objective.evaluate(
                image,
                self.targets,
                weights=self.weights if weights is None else weights,
                tiling=self.tiling if tiling is None else tiling,
            )
        assert found.gradient is not None  # noqa: S101 - for the type checker: evaluate gives it
        gradient = self.kept.pull_back(found.gradient) if self.kept else found.gradient
        return replace(found, gradient=self.parametrization.pull_back(point, gradient)), image


def smaller_tiles(tiling: Tiling) -> str:
    """Return the note that says how a level goes on after memory ran out."""
    return f"out of memory; continuing in tiles of {tiling.max_pixels} pixels"
