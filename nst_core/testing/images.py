"""Laws of a :class:`nst_core.ImageLoss`."""

from __future__ import annotations

import torch

from nst_core.components import ImageLoss
from nst_core.testing.check import close, require
from nst_core.testing.samples import SIZES, image

__all__ = ["LAWS"]


def gives_every_pixel_a_value(loss: ImageLoss) -> None:
    """The density of ``(B, 3, H, W)`` is ``(B, H, W)``, for every size, in the image's precision or wider."""
    for height, width in SIZES:
        found = loss.density(image(height, width, batch=2, dtype=torch.float32))
        require(found.shape == (2, height, width), f"a {height}×{width} image gives {tuple(found.shape)}")
        require(found.dtype in (torch.float32, torch.float64), f"a float32 image gives {found.dtype}")


def has_the_right_gradient(loss: ImageLoss) -> None:
    """Its gradient is the one of finite differences, in float64."""
    torch.autograd.gradcheck(lambda x: loss.density(x).sum(), image(4, 5).requires_grad_())


def looks_no_further_than_its_halo(loss: ImageLoss) -> None:
    """A pixel changes the density no further away than ``halo``."""
    side = 2 * loss.halo + 7
    before, middle = image(side, side), side // 2
    after = before.clone()
    after[..., middle, middle] = 1 - after[..., middle, middle]
    changed = (loss.density(after) != loss.density(before))[0].nonzero()
    reach = int((changed - middle).abs().max()) if len(changed) else 0
    require(reach <= loss.halo, f"a change is seen {reach} pixels away, but halo is {loss.halo}")


def is_the_same_in_tiles(loss: ImageLoss) -> None:
    """Tiles with a border of ``halo`` pixels have the density of the whole image."""
    height, width, halo = 3 * loss.halo + 8, 3 * loss.halo + 9, loss.halo
    whole_image = image(height, width)
    whole = loss.density(whole_image)
    row, column = height // 2, width // 2
    for top, bottom in ((0, row), (row, height)):
        for left, right in ((0, column), (column, width)):
            rows = slice(max(0, top - halo), min(height, bottom + halo))
            columns = slice(max(0, left - halo), min(width, right + halo))
            tile = loss.density(whole_image[..., rows, columns])
            inner = tile[:, top - rows.start :, left - columns.start :][:, : bottom - top, : right - left]
            close(inner, whole[:, top:bottom, left:right], f"tile from row {top}, column {left}")


def keeps_a_batch_apart(loss: ImageLoss) -> None:
    """The density of a batch is that of its images one by one."""
    images = image(5, 6, batch=2)
    apart = torch.cat([loss.density(images[:1]), loss.density(images[1:])])
    close(loss.density(images), apart, "a batch and its images one by one")


def is_finite_on_constant_images(loss: ImageLoss) -> None:
    """Black, grey and white images give a finite density and gradient."""
    for level in (0.0, 0.5, 1.0):
        leaf = torch.full((1, 3, 6, 7), level).requires_grad_()
        found = loss.density(leaf)
        require(torch.isfinite(found).all(), f"the density of a constant {level} is not finite")
        (gradient,) = torch.autograd.grad(found.sum(), leaf)
        require(torch.isfinite(gradient).all(), f"the gradient at a constant {level} is not finite")


def is_deterministic(loss: ImageLoss) -> None:
    """The same image gives the same bits, is not changed, and torch's global random state stays as it is."""
    picture = image(6, 7, dtype=torch.float32)
    copy, before = picture.clone(), torch.get_rng_state()
    require(torch.equal(loss.density(picture), loss.density(picture)), "two evaluations differ")
    require(torch.equal(before, torch.get_rng_state()), "it draws from torch's global random numbers")
    require(torch.equal(picture, copy), "the image was changed in place")


LAWS = (
    gives_every_pixel_a_value,
    has_the_right_gradient,
    looks_no_further_than_its_halo,
    is_the_same_in_tiles,
    keeps_a_batch_apart,
    is_finite_on_constant_images,
    is_deterministic,
)
"""All that is demanded of a loss on pixels."""
