"""Laws of an :class:`nst_core.Initializer`."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.components import Initializer, InitialSources
from nst_core.components.parameters import parameters_of
from nst_core.errors import NstError
from nst_core.testing.check import NotApplicable, require
from nst_core.testing.samples import image

__all__ = ["LAWS"]

_SIZES = ((24, 32), (17, 9), (1, 1))


def _sources(
    initializer: Initializer, size: tuple[int, int], *, content: bool = True, style: bool = True
) -> InitialSources:
    """Return sample images, and name made-up files where the initializer reads some."""
    for name in initializer.file_parameters:
        if not getattr(initializer, name, ""):
            setattr(initializer, name, "made-up.png")
    return InitialSources(
        content=image(*size, 1, dtype=torch.float32) if content else None,
        styles=(image(30, 20, 2, dtype=torch.float32),) if style else (),
        files={name: image(20, 26, 3, dtype=torch.float32) for name in initializer.file_parameters},
    )


def _start(initializer: Initializer, size: tuple[int, int] = (24, 32), seed: int = 0) -> Tensor:
    return initializer.initial(size, _sources(initializer, size), torch.Generator().manual_seed(seed))


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
    sources = _sources(initializer, (24, 32))
    images = [sources.content, *sources.styles, *sources.files.values()]
    copies = [None if given is None else given.clone() for given in images]
    initializer.initial((24, 32), sources, torch.Generator().manual_seed(0))
    same = all(a is None or b is None or torch.equal(a, b) for a, b in zip(images, copies, strict=True))
    require(same, "an input was changed in place")


def says_what_it_lacks(initializer: Initializer) -> None:
    """Without content or style image it either works or raises one of nst's errors that says so."""
    worked = 0
    for content, style in ((True, False), (False, True), (False, False)):
        sources = _sources(initializer, (24, 32), content=content, style=style)
        missing = {name for name, there in (("content", content), ("style", style)) if not there}
        try:
            initializer.initial((24, 32), sources, torch.Generator().manual_seed(0))
            worked += 1
            lacking = missing & {*initializer.needs}
            require(not lacking, f"it says that it needs a {' and '.join(lacking)} image, but works without")
        except NstError as error:
            require(len(str(error)) > 10, f"the error '{error}' does not say what is missing")
    if worked == 3:
        raise NotApplicable("it needs neither image")


def declares_its_files(initializer: Initializer) -> None:
    """Every parameter that names an image file has another beside it for the file's SHA-256."""
    if not initializer.file_parameters:
        raise NotApplicable("it reads no files")
    names = {parameter.name for parameter in parameters_of(type(initializer))}
    for name in initializer.file_parameters:
        require(name in names, f"'{name}' is not a parameter of its constructor")
        require(f"{name}_sha256" in names, f"there is no parameter '{name}_sha256' beside '{name}'")


LAWS = (gives_an_image, follows_the_seed, leaves_its_inputs_alone, says_what_it_lacks, declares_its_files)
"""All that is demanded of an initializer."""
