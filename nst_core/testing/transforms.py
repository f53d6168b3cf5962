"""Laws of an :class:`nst_core.ImageTransform`: of all its stages, though a job may use the first alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from nst_core.components import ImageTransform
from nst_core.errors import NstError
from nst_core.testing.check import NotApplicable, require
from nst_core.testing.samples import image

__all__ = ["LAWS"]

_SIZES = ((24, 32), (17, 9), (1, 1))
_OTHERS = ((20, 20), (1, 1))


def _stages(
    transform: ImageTransform, picture: Tensor, content: Tensor | None
) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """Return the stages by name, each of which makes something of a picture, given any content image."""
    yield "transform", lambda: transform.transform(picture, content)
    yield "content_image", lambda: transform.content_image(picture)
    fitting = None if content is None else torch.nn.functional.interpolate(content, size=picture.shape[-2:])
    yield "finish", lambda: transform.finish(picture, fitting)


def _contents(transform: ImageTransform, *sizes: tuple[int, int]) -> list[Tensor | None]:
    """Return content images; one of them is none where the transform can do without."""
    found: list[Tensor | None] = [image(*size, 2, dtype=torch.float32) for size in sizes]
    return found if transform.needs_content else [*found, None]


def _require_pixels(found: Tensor, shape: tuple[int, ...], where: str) -> None:
    require(found.shape == shape, f"{where} gives the shape {tuple(found.shape)} for {shape}")
    require(found.dtype == torch.float32, f"{where} gives {found.dtype}")
    require(torch.isfinite(found).all(), f"{where} gives pixels that are not finite")
    low, high = float(found.min()), float(found.max())
    require(low >= 0 and high <= 1, f"the values of {where} reach from {low:g} to {high:g}, outside [0, 1]")


def keeps_the_shape(transform: ImageTransform) -> None:
    """Every stage gives finite float32 pixels in [0, 1] of the image's height and width, whatever the content image."""
    for size in _SIZES:
        picture = image(*size, 1, dtype=torch.float32)
        for content in _contents(transform, *_OTHERS):
            for name, stage in _stages(transform, picture, content):
                _require_pixels(stage(), (1, 3, *size), f"{name}()")


def survives_flat_images(transform: ImageTransform) -> None:
    """Grey images, and images of one colour, black and white among them, give finite pixels in [0, 1]."""
    varied = image(8, 8, 1, dtype=torch.float32)
    colours = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.2, 0.5, 0.9))
    flat = [torch.tensor(colour).reshape(1, 3, 1, 1).repeat(1, 1, 8, 8) for colour in colours]
    others = [varied, varied[:, :1].repeat(1, 3, 1, 1), *flat]
    for number, one in enumerate(others):
        for other in others[number:]:
            for picture, content in ((one, other), (other, one)):
                for name, stage in _stages(transform, picture, content):
                    _require_pixels(stage(), (1, 3, 8, 8), f"{name}() of grey images or of one colour")


def is_deterministic(transform: ImageTransform) -> None:
    """The same images give the same pixels, and stay as they are."""
    for content in _contents(transform, (20, 20), (24, 32)):
        picture = image(24, 32, 1, dtype=torch.float32)
        given = [picture] if content is None else [picture, content]
        copies = [each.clone() for each in given]
        for name, stage in _stages(transform, picture, content):
            before = torch.get_rng_state()
            require(torch.equal(stage(), stage()), f"the same images gave two results of {name}()")
            require(torch.equal(before, torch.get_rng_state()), f"{name}() draws from torch's global random numbers")
        require(all(map(torch.equal, given, copies)), "an input was changed in place")


def says_what_it_lacks(transform: ImageTransform) -> None:
    """If it needs a content image, one of its stages raises one of nst's errors where there is none."""
    if not transform.needs_content:
        raise NotApplicable("it needs no content image")
    try:
        transform.transform(image(8, 8, 1, dtype=torch.float32), None)
        transform.finish(image(8, 8, 1, dtype=torch.float32), None)
    except NstError as error:
        require(len(str(error)) > 10, f"the error '{error}' does not say what is missing")
    else:
        require(False, "it says that it needs a content image, but works without")


LAWS = (keeps_the_shape, survives_flat_images, is_deterministic, says_what_it_lacks)
"""All that is demanded of an image transform."""
