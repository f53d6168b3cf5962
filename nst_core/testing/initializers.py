"""Laws of an :class:`nst_core.Initializer`."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.components import Initializer
from nst_core.errors import NstError
from nst_core.testing.check import NotApplicable, require
from nst_core.testing.samples import image

__all__ = ["LAWS"]

_SIZES = ((24, 32), (17, 9), (1, 1))


def _start(initializer: Initializer, size: tuple[int, int] = (24, 32), seed: int = 0) -> Tensor:
    return initializer.initial(
        size,
        content=image(*size, 1, dtype=torch.float32),
        style=image(30, 20, 2, dtype=torch.float32),
        generator=torch.Generator().manual_seed(seed),
    )


def gives_an_image(initializer: Initializer) -> None:
    """It gives ``(1, 3, H, W)`` in float32 on the CPU, in [0, 1], of the size asked for."""
    for size in _SIZES:
        found = _start(initializer, size)
        require(found.shape == (1, 3, *size), f"for {size} it gives the shape {tuple(found.shape)}")
        require(found.dtype == torch.float32, f"it gives {found.dtype}")
        require(found.device.type == "cpu", f"it gives a tensor on {found.device}")
        require(not found.requires_grad, "it gives a tensor that requires a gradient")
        low, high = float(found.min()), float(found.max())
        require(low >= 0 and high <= 1, f"its values reach from {low:g} to {high:g}, outside [0, 1]")


def follows_the_seed(initializer: Initializer) -> None:
    """One seed gives one image, whatever torch's global random state, which stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = _start(initializer)
        torch.manual_seed(2)
        before = torch.get_rng_state()
        second = _start(initializer)
        untouched = torch.equal(before, torch.get_rng_state())
    require(torch.equal(first, second), "the same seed gave two images; draw from the generator that is given")
    require(untouched, "it draws from torch's global random numbers; draw from the generator that is given")


def leaves_its_inputs_alone(initializer: Initializer) -> None:
    """Content and style image are not changed, not even by whoever changes the result."""
    content, style = image(24, 32, 1, dtype=torch.float32), image(30, 20, 2, dtype=torch.float32)
    copies = content.clone(), style.clone()
    initializer.initial((24, 32), content=content, style=style, generator=torch.Generator().manual_seed(0))
    require(torch.equal(content, copies[0]) and torch.equal(style, copies[1]), "an input was changed in place")


def says_what_it_lacks(initializer: Initializer) -> None:
    """Without content or style image it either works or raises one of nst's errors that says so."""
    content, style = image(24, 32, 1, dtype=torch.float32), image(30, 20, 2, dtype=torch.float32)
    worked = 0
    for given in ((content, None), (None, style), (None, None)):
        generator = torch.Generator().manual_seed(0)
        try:
            initializer.initial((24, 32), content=given[0], style=given[1], generator=generator)
            worked += 1
        except NstError as error:
            require(len(str(error)) > 10, f"the error '{error}' does not say what is missing")
    if worked == 3:
        raise NotApplicable("it needs neither image")


def pins_plain_values(initializer: Initializer) -> None:
    """What it pins down are parameters of its constructor, with plain values."""
    _start(initializer)
    for name, value in initializer.pinned().items():
        require(isinstance(value, bool | int | float | str), f"'{name}' is a {type(value).__name__}")
        type(initializer)(**{name: value})


LAWS = (gives_an_image, follows_the_seed, leaves_its_inputs_alone, says_what_it_lacks, pins_plain_values)
"""All that is demanded of an initializer."""
