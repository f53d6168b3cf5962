"""Pictures on policy: what the optimisation makes of the student as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from batches import crop
from folding import fold
from torch import Tensor, nn

from nst_core.components.parametrization import Pixels
from nst_core.engine.run import evaluate
from nst_core.job.schema import Term
from nst_core.objective.objective import Objective
from nst_core.objective.terms import bind
from nst_core.ops import ConvStack, conv_stack
from nst_core.options.presets import PRESETS
from nst_core.weights import TORCHVISION
from nst_core.weights.calibration import dead_leaves
from nst_plugins.extractors.vgg import Vgg19
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, convolution_names, cut_after_deepest
from nst_plugins.losses.gram_style import GramStyle
from nst_plugins.losses.mse_content import MseContent
from nst_plugins.optimizers.lbfgs import Lbfgs

__all__ = ["Snapshot", "iterates"]

LAYERS = Vgg19.style_layers
SIDE = 256
# Evaluations after which the image is taken into the pool.
TAKEN = (1, 4, 10, 20, 35, 50, 70, 100, 130, 160)


class Snapshot(nn.Module):
    """The student as it is at a moment, frozen, with heads that keep the teacher's geometry."""

    def __init__(self, parameters: Mapping[str, Tensor], layers: tuple[str, ...] = LAYERS) -> None:
        """Build it from the parameters of a :class:`student.Student`."""
        super().__init__()
        used = cut_after_deepest(VGG19_LAYERS, layers)
        convolutions = convolution_names(used)
        heads = [fold(parameters[f"heads.{n}.weight"].flatten(1), parameters[f"heads.{n}.bias"]) for n in layers]
        self.stack = conv_stack(
            ConvStack(
                kinds=tuple("max-pool" if layer.kind == "pool" else layer.kind for layer in used),
                weights=tuple(parameters[f"convolutions.{n}.weight"].bfloat16() for n in convolutions),
                biases=tuple(parameters[f"convolutions.{n}.bias"].bfloat16() for n in convolutions),
                taps=tuple(i for i, layer in enumerate(used) if layer.name in layers),
                projections=tuple((w[:, :, None, None].bfloat16(), b.bfloat16()) for w, b in heads),
                mean=TORCHVISION.mean,
                std=TORCHVISION.std,
            )
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute feature maps as the network of an :class:`nst_core.Extractor` does."""
        found: list[Tensor] = self.stack(image)
        return found


def iterates(
    network: nn.Module, images: list[Tensor], textures: list[Tensor], generator: torch.Generator
) -> Iterator[Tensor]:
    """Run a style transfer and yield the picture at several moments, ``(3, H, W)``.

    Args:
        network: the student.
        images: what the content image is one of, and half of the style images.
        textures: what the others are.
        generator: chooses everything.
    """
    styles = textures if float(torch.rand((), generator=generator)) < 0.5 else images
    content, style = (
        crop(kind[int(torch.randint(len(kind), (), generator=generator))], SIDE, generator)[None]
        for kind in (images, styles)
    )
    if float(torch.rand((), generator=generator)) < 0.1:
        style = dead_leaves(SIDE, SIDE, generator)
    preset = PRESETS["content" if float(torch.rand((), generator=generator)) < 0.65 else "noise"]
    geometry = Vgg19().taps()
    terms = [
        bind("content", MseContent(), Term("mse-content", preset.content_weight, Vgg19.content_layers), geometry),
        bind("style", GramStyle(), Term("gram-style", preset.style_weight, LAYERS), geometry),
    ]
    objective = Objective(network, LAYERS, terms, taps=geometry, content=content, style=style)
    start = content.clone() if preset.initializer == "content" else torch.rand(content.shape, generator=generator)
    last = TAKEN[int(torch.randint(6, len(TAKEN), (), generator=generator))]
    pixels, optimizer = Pixels(), Lbfgs()
    variable = pixels.variable(start)
    optimizer.start(variable)
    scale = 0.0
    for number in range(1, last + 1):
        found, image = evaluate(objective, pixels, variable)
        total, gradient = float(found.total), found.gradient
        assert gradient is not None  # noqa: S101 - for the type checker
        if not gradient.isfinite().all():
            return
        if number in TAKEN:
            yield image[0].clone()
        scale = scale or 1.0 / float(gradient.abs().mean().clamp_min(1e-30))
        following = optimizer.step(total * scale, gradient * scale)
        if following is None:
            return
        variable = following
