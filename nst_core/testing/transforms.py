"""Laws of an :class:`nst_core.ImageTransform`."""

from __future__ import annotations

import torch

from nst_core.components import ImageTransform
from nst_core.testing.check import require
from nst_core.testing.samples import image

__all__ = ["LAWS"]


def keeps_the_shape(transform: ImageTransform) -> None:
    """It gives finite float32 pixels in [0, 1] of the image's height and width, with and without a content image."""
    for size in ((24, 32), (17, 9), (1, 1)):
        for content in (None, image(20, 20, 2, dtype=torch.float32)):
            found = transform.transform(image(*size, 1, dtype=torch.float32), content)
            require(found.shape == (1, 3, *size), f"for {size} it gives the shape {tuple(found.shape)}")
            require(found.dtype == torch.float32, f"it gives {found.dtype}")
            low, high = float(found.min()), float(found.max())
            require(low >= 0 and high <= 1, f"its values reach from {low:g} to {high:g}, outside [0, 1]")


def survives_flat_images(transform: ImageTransform) -> None:
    """Images of one colour, black and white among them, give finite pixels."""
    varied = image(8, 8, 1, dtype=torch.float32)
    for value in (0.0, 0.5, 1.0):
        flat = torch.full((1, 3, 8, 8), value)
        for one, other in ((flat, varied), (varied, flat)):
            found = transform.transform(one, other)
            require(torch.isfinite(found).all(), f"an image of {value:g} gives pixels that are not finite")


def is_deterministic(transform: ImageTransform) -> None:
    """The same images give the same pixels, and stay as they are."""
    style, content = image(24, 32, 1, dtype=torch.float32), image(20, 20, 2, dtype=torch.float32)
    copies = style.clone(), content.clone()
    first, second = transform.transform(style, content), transform.transform(style, content)
    require(torch.equal(first, second), "the same images gave two results")
    require(torch.equal(style, copies[0]) and torch.equal(content, copies[1]), "an input was changed in place")


LAWS = (keeps_the_shape, survives_flat_images, is_deterministic)
"""All that is demanded of an image transform."""
