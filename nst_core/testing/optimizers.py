"""Laws of an :class:`nst_core.Optimizer`, on functions whose minimum is known."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nst_core.components import Optimizer
from nst_core.testing.check import fail, require

__all__ = ["LAWS"]

Function = Callable[[Tensor], Tensor]


def quadratic(x: Tensor) -> Tensor:
    """½ Σ s (x - ½)² with s from 1 to 100."""
    scales = torch.logspace(0, 2, x.numel(), dtype=x.dtype).reshape(x.shape)
    return 0.5 * (scales * (x - 0.5).square()).sum()


def rosenbrock(x: Tensor) -> Tensor:
    """The valley of Rosenbrock, The Computer Journal 3, 1960: zero where all are one."""
    return (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()


def _start() -> Tensor:
    return torch.linspace(0, 1, 20).reshape(4, 5)


def _proceed(optimizer: Optimizer, function: Function, x: Tensor, steps: int) -> tuple[list[float], Tensor]:
    """Go on from ``x``, with loss and gradient scaled as the engine does; return values and the last point."""
    values: list[float] = []
    scale = 0.0
    for _ in range(steps):
        leaf = x.detach().requires_grad_()
        value = function(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        scale = scale or 1 / float(gradient.abs().mean())
        values.append(float(value.detach()))
        following = optimizer.step(values[-1] * scale, gradient * scale)
        if following is None:
            break
        require(following.shape == x.shape, f"a point of shape {tuple(x.shape)} becomes {tuple(following.shape)}")
        require(torch.isfinite(following).all(), f"step {len(values)} is not finite")
        x = following
    return values, x


def _minimize(optimizer: Optimizer, function: Function, x: Tensor, steps: int) -> list[float]:
    optimizer.start(x)
    return _proceed(optimizer, function, x, steps)[0]


def _first_step(optimizer: Optimizer, gradient: Tensor) -> Tensor:
    following = optimizer.step(1.0, gradient)
    if following is None:
        fail("it stops at the first step")
    return following


def decreases_a_quadratic(optimizer: Optimizer) -> None:
    """In 300 evaluations a quadratic of condition 100 falls to a hundredth."""
    values = _minimize(optimizer, quadratic, _start(), 300)
    require(min(values) < 0.01 * values[0], f"it went from {values[0]:.4g} to {min(values):.4g} only")


def decreases_rosenbrock(optimizer: Optimizer) -> None:
    """In 300 evaluations Rosenbrock's valley is found: from 24.2 to below 4."""
    values = _minimize(optimizer, rosenbrock, torch.tensor([-1.2, 1.0]), 300)
    require(min(values) < 4, f"it went from {values[0]:.4g} to {min(values):.4g} only")


def starts_afresh(optimizer: Optimizer) -> None:
    """After a NaN the engine calls ``start`` again: nothing of what was before may be left."""
    _minimize(optimizer, quadratic, _start(), 4)
    with contextlib.suppress(ValueError, ArithmeticError, RuntimeError):  # it may refuse what the engine never gives it
        optimizer.step(math.nan, torch.full((4, 5), math.nan))
    values = _minimize(optimizer, rosenbrock, torch.tensor([-1.2, 1.0]), 12)
    require(all(map(math.isfinite, values)), "a NaN that was seen before spoils a new start")
    again = _minimize(optimizer, rosenbrock, torch.tensor([-1.2, 1.0]), 12)
    require(values == again, "the same start goes another way the second time")


def obeys_damping(optimizer: Optimizer) -> None:
    """With damping 0.1 the first step is a tenth as long, or shorter."""
    lengths = []
    for damping in (1.0, 0.1):
        optimizer.start(_start(), damping)
        lengths.append(float((_first_step(optimizer, torch.ones(4, 5)) - _start()).norm()))
    require(lengths[0] > 0, "the first step goes nowhere")
    require(lengths[1] <= 0.11 * lengths[0], f"the first step is {lengths[1] / lengths[0]:.2f} times as long, not 0.1")


def continues_from_its_state(optimizer: Optimizer) -> None:
    """Its state, written to a file and read back, continues to the same bits, in another instance or the same."""
    optimizer.start(_start())
    _, x = _proceed(optimizer, quadratic, _start(), 7)
    written = _through_a_file(optimizer.state_dict())
    expected = _proceed(optimizer, quadratic, x, 9)
    _minimize(optimizer, rosenbrock, torch.tensor([-1.2, 1.0]), 3)  # leave it in another state
    optimizer.load_state_dict(written)
    found = _proceed(optimizer, quadratic, x, 9)
    require(found[0] == expected[0] and torch.equal(found[1], expected[1]), "it continues in another way")


def _through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


def keeps_points_as_they_were(optimizer: Optimizer) -> None:
    """The variable it starts at, the gradients and the points it gave out do not change later."""
    start = _start()
    optimizer.start(start)
    gradient = torch.ones(4, 5)
    first = _first_step(optimizer, gradient)
    copy = first.clone()
    _proceed(optimizer, quadratic, first, 5)
    require(torch.equal(first, copy), "a point that was given out changed later")
    require(torch.equal(start, _start()), "the variable it started at was changed")
    require(torch.equal(gradient, torch.ones(4, 5)), "the gradient was changed")


def takes_every_shape(optimizer: Optimizer) -> None:
    """It works on variables of any shape, and treats them as so many numbers."""
    for shape in ((20,), (1, 3, 4, 5), (2, 1)):
        x = torch.linspace(0, 1, math.prod(shape)).reshape(shape)
        values = _minimize(optimizer, quadratic, x, 60)
        require(min(values) < 0.5 * values[0], f"on {shape} it goes from {values[0]:.4g} to {min(values):.4g} only")


def works_with_less_memory(optimizer: Optimizer) -> None:
    """With the parameters by which it keeps less memory it goes down all the same, and there is an end to them."""
    cls, params = type(optimizer), dict[str, Any]()
    for _ in range(64):
        smaller = optimizer.with_less_memory()
        if smaller is None:
            return
        params |= smaller
        optimizer = cls(**params)
        values = _minimize(optimizer, quadratic, _start(), 60)
        require(min(values) < 0.5 * values[0], f"it goes from {values[0]:.4g} to {min(values):.4g} only")
    fail("it can always give up more memory, so that an engine without any would never end")


def survives_another_objective(optimizer: Optimizer) -> None:
    """When the objective changes during a run, it goes down on the new one from where it is."""
    optimizer.start(_start())
    _, x = _proceed(optimizer, quadratic, _start(), 7)
    optimizer.objective_changed(x)
    values, _ = _proceed(optimizer, lambda y: 30 * (y - 0.8).square().sum(), x, 100)
    require(min(values) < 0.5 * values[0], f"after the change it goes from {values[0]:.4g} to {min(values):.4g} only")


LAWS = (
    decreases_a_quadratic,
    decreases_rosenbrock,
    starts_afresh,
    obeys_damping,
    continues_from_its_state,
    keeps_points_as_they_were,
    takes_every_shape,
    works_with_less_memory,
    survives_another_objective,
)
"""All that is demanded of an optimizer."""
