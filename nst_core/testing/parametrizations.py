"""Laws of a :class:`nst_core.Parametrization`."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.components import Parametrization
from nst_core.testing.check import close, require
from nst_core.testing.samples import image

__all__ = ["LAWS"]

_SIZES = ((24, 32), (17, 9), (1, 1))


def _inside(height: int, width: int) -> Tensor:
    """Return an image well inside [0, 1], where bounds do not matter."""
    return 0.25 + 0.5 * image(height, width, 1, dtype=torch.float32)


def makes_images(parametrization: Parametrization) -> None:
    """What it decodes is ``(1, 3, H, W)`` in float32, in [0, 1], without a graph, wherever the variable goes."""
    for size in _SIZES:
        variable = parametrization.encode(_inside(*size))
        for point in (variable, variable * 10 - 3):
            found = parametrization.decode(point)
            require(found.shape == (1, 3, *size), f"for {size} it decodes the shape {tuple(found.shape)}")
            require(found.dtype == torch.float32 and not found.requires_grad, "it decodes another dtype, or a graph")
            low, high = float(found.min()), float(found.max())
            require(low >= 0 and high <= 1, f"its values reach from {low:g} to {high:g}, outside [0, 1]")


def comes_back(parametrization: Parametrization) -> None:
    """A grey image comes back, and of any other the nearest that there is; encoding shares no memory with the image."""
    coloured = _inside(16, 20)
    nearest = parametrization.decode(parametrization.encode(coloured))
    for picture, what in ((coloured[:, :1].repeat(1, 3, 1, 1), "a grey image"), (nearest, "an image that was decoded")):
        close(parametrization.decode(parametrization.encode(picture)), picture, f"{what} and what comes back", 1e-3)
    parametrization.encode(coloured).mul_(0)
    require(torch.equal(coloured, _inside(16, 20)), "changing the variable changes the image that was encoded")


def pulls_gradients_back(parametrization: Parametrization) -> None:
    """Inside the bounds its gradient is that of finite differences."""
    variable = parametrization.encode(_inside(8, 8))
    weights = image(8, 8, 3, dtype=torch.float32) - 0.5
    gradient = parametrization.pull_back(variable, weights.clone())
    require(
        gradient.shape == variable.shape, f"a gradient of shape {tuple(gradient.shape)} for {tuple(variable.shape)}"
    )
    direction = torch.randn(variable.shape, generator=torch.Generator().manual_seed(0)) * (variable.std() + 1e-3)
    step = 1e-2
    values = [
        float((weights.double() * parametrization.decode(variable + sign * step * direction).double()).sum())
        for sign in (1, -1)
    ]
    slope = (values[0] - values[1]) / (2 * step)
    found = float((gradient.double() * direction.double()).sum())
    size = max(abs(slope), 1e-3)
    require(abs(found - slope) < 0.02 * size, f"the slope along a direction is {slope:.4g}, and it says {found:.4g}")


def keeps_its_bounds(parametrization: Parametrization) -> None:
    """Where it has bounds, a variable outside gives the image of the nearest one inside, and the gradient there."""
    if parametrization.bounds is None:
        return
    low, high = parametrization.bounds
    require(low < high, f"its bounds are {low:g} and {high:g}, not an interval")
    variable = parametrization.encode(_inside(8, 8))
    outside = variable + (high - low) * torch.randn(variable.shape, generator=torch.Generator().manual_seed(0))
    inside = outside.clamp(low, high)
    require(not torch.equal(inside, outside), "nothing that was tried lies outside its bounds")
    close(parametrization.decode(outside), parametrization.decode(inside), "the images outside and at its bounds", 1e-6)
    gradient = image(8, 8, 3, dtype=torch.float32) - 0.5
    beyond, within = (parametrization.pull_back(point, gradient.clone()) for point in (outside, inside))
    close(beyond, within, "the gradients outside and at its bounds", 1e-6)


def resizes(parametrization: Parametrization) -> None:
    """The variable of the next level makes an image of the size asked for that looks like the one before."""
    picture = torch.linspace(0.3, 0.7, 20).expand(1, 3, 16, 20)
    found = parametrization.decode(parametrization.resize(parametrization.encode(picture.clone()), (24, 30)))
    require(found.shape == (1, 3, 24, 30), f"for 24×30 it makes {tuple(found.shape)}")
    error = float((found - torch.linspace(0.3, 0.7, 30)).abs().mean())
    require(error < 0.05, f"a ramp that is resized is off by {error:.2g} in the mean")


LAWS = (makes_images, comes_back, pulls_gradients_back, keeps_its_bounds, resizes)
"""All that is demanded of a parametrization."""
