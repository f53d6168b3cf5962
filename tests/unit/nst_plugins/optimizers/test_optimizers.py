"""The optimizers on functions whose minimum is known."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from nst_core import Optimizer
from nst_plugins.optimizers.adam import Adam
from nst_plugins.optimizers.lbfgs import Lbfgs
from nst_plugins.optimizers.strong_wolfe import Point, StrongWolfe


def quadratic(x: torch.Tensor) -> torch.Tensor:
    scales = torch.logspace(0, 3, x.numel(), dtype=x.dtype).reshape(x.shape)
    return 0.5 * (scales * (x - 0.5).square()).sum()


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()


def minimize(optimizer: Optimizer, function, start: torch.Tensor, steps: int, damping: float = 1.0) -> list[float]:
    optimizer.start(start, damping)
    return proceed(optimizer, function, start, steps)[0]


def proceed(optimizer: Optimizer, function, x: torch.Tensor, steps: int) -> tuple[list[float], torch.Tensor]:
    values = []
    for _ in range(steps):
        leaf = x.detach().requires_grad_()
        value = function(leaf)
        values.append(float(value.detach()))
        following = optimizer.step(values[-1], torch.autograd.grad(value, leaf)[0])
        if following is None:
            break
        x = following
    return values, x


START = torch.linspace(-1, 1, 20, dtype=torch.float64).reshape(4, 5)
MADE = [
    pytest.param(lambda: Lbfgs(), id="lbfgs"),
    pytest.param(lambda: Lbfgs(line_search="strong-wolfe"), id="strong-wolfe"),
    pytest.param(lambda: Adam(0.05), id="adam"),
]


@pytest.mark.parametrize("make", MADE)
def test_decreases_a_quadratic(make):
    values = minimize(make(), quadratic, START, 300)
    assert min(values) < 1e-3 * values[0]


@pytest.mark.parametrize("make", MADE[1:])
def test_gets_down_the_valley_of_rosenbrock(make):
    values = minimize(make(), rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64), 3000)
    assert min(values) < 1e-4


def test_lbfgs_reaches_the_minimum_to_rounding():
    values = minimize(Lbfgs(line_search="strong-wolfe"), quadratic, START, 150)
    assert min(values) < 1e-15 * values[0]


def test_lbfgs_direction_is_the_textbook_two_loop_recursion():
    """The recursion on inner products equals the one on vectors."""
    optimizer, x = Lbfgs(history=3), START.flatten()
    optimizer.start(x)
    pairs, before = [], None
    for _ in range(8):
        leaf = x.detach().requires_grad_()
        value = quadratic(leaf)
        (g,) = torch.autograd.grad(value, leaf)
        if before is not None:
            pairs = [*pairs, (x - before[0], g - before[1])][-3:]
            expected = x + two_loop(g, pairs)
        following = optimizer.step(float(value.detach()), g)
        if before is not None:
            torch.testing.assert_close(following, expected, rtol=1e-8, atol=1e-10)
        before, x = (x, g), following


def two_loop(g: torch.Tensor, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    q, alphas = -g.clone(), []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (s @ y))
        q -= alphas[-1] * y
    s, y = pairs[-1]
    q *= (s @ y) / (y @ y)
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += (alpha - (y @ q) / (s @ y)) * s
    return q


@pytest.mark.parametrize("make", MADE)
def test_state_round_trip_continues_identically(make):
    whole, rest = make(), make()
    whole.start(START)
    _, x = proceed(whole, quadratic, START, 7)
    state = copy.deepcopy(whole.state_dict())
    expected = proceed(whole, quadratic, x, 9)
    rest.start(START)
    rest.load_state_dict(state)
    found = proceed(rest, quadratic, x, 9)
    assert found[0] == expected[0]
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize("make", MADE)
def test_points_given_out_do_not_change_later(make):
    optimizer = make()
    optimizer.start(START)
    first = optimizer.step(1.0, torch.ones_like(START))
    copied = first.clone()
    proceed(optimizer, quadratic, first, 5)
    assert torch.equal(first, copied)
    assert torch.equal(START, torch.linspace(-1, 1, 20, dtype=torch.float64).reshape(4, 5))


@pytest.mark.parametrize("make", MADE)
def test_damping_shortens_the_first_step(make):
    lengths = []
    for damping in (1.0, 0.1):
        optimizer = make()
        optimizer.start(START, damping)
        lengths.append(float((optimizer.step(1.0, torch.ones_like(START)) - START).norm()))
    assert lengths[1] == pytest.approx(0.1 * lengths[0], rel=1e-4)


def test_lbfgs_never_stops_unless_asked():
    flat = torch.zeros(3)
    for tolerance, stops in ((0.0, False), (0.5, True)):
        optimizer = Lbfgs(tolerance=tolerance)
        optimizer.start(flat)
        optimizer.step(1.0, torch.ones(3))
        assert (optimizer.step(1.0, torch.full((3,), 1e-9)) is None) == stops


def test_lbfgs_survives_negative_curvature():
    values = minimize(Lbfgs(), lambda x: torch.cos(3 * x).sum(), torch.full((4,), 0.1), 100)
    assert all(math.isfinite(v) for v in values)
    assert min(values) == pytest.approx(-4, abs=1e-3)


def test_strong_wolfe_accepts_only_what_it_promises():
    def value(t):
        return (t - 3) ** 4 - 5 * t

    def slope(t):
        return 4 * (t - 3) ** 3 - 5

    for first in (1e-3, 0.5, 1.0, 10.0, 500.0):
        search, t = StrongWolfe(value(0), slope(0)), first
        while (following := search.next_length(Point(t, value(t), slope(t)))) is not None:
            t = following
        assert value(t) <= value(0) + 1e-4 * t * slope(0)
        assert abs(slope(t)) <= 0.9 * abs(slope(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lbfgs(history=0), "history must be at least 1"),
        (lambda: Lbfgs(learning_rate=0.0), "learning_rate must be positive"),
        (lambda: Lbfgs(tolerance=-1.0), "tolerance must not be negative"),
        (lambda: Adam(learning_rate=-1.0), "learning_rate must be positive"),
        (lambda: Adam(beta2=1.0), "beta2 must be"),
    ],
)
def test_parameters_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_adam_averages_its_iterates():
    optimizer, points = Adam(0.1, averaging=0.8), []
    optimizer.start(START)
    assert optimizer.solution() is None
    x = START
    for _ in range(6):
        _, x = proceed(optimizer, quadratic, x, 1)
        points.append(x)
    weights = 0.8 ** torch.arange(5, -1, -1, dtype=torch.float64)
    expected = sum(w * p for w, p in zip(weights / weights.sum(), points, strict=True))
    torch.testing.assert_close(optimizer.solution(), expected)
    again = Adam(0.1, averaging=0.8)
    again.start(START)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert torch.equal(again.solution(), optimizer.solution())


def test_the_average_is_better_than_steps_that_are_too_long():
    """In a bowl with steps too long to settle, the iterates go round the minimum and their average is near it."""
    optimizer = Adam(0.3, beta2=0.9, averaging=0.9)
    values = minimize(optimizer, lambda x: (x - 0.5).abs().sum(), START, 200)
    assert float((optimizer.solution() - 0.5).abs().sum()) < 0.5 * sum(values[-20:]) / 20


def test_a_wild_step_is_taken_back_and_teaches_the_curvature():
    """After a step that makes the loss many times higher the next one from the same point uses what was met there.

    All vectors here are parallel, where L-BFGS is the secant method: it goes to where the gradient would be zero.
    """
    optimizer, gradient = Lbfgs(), torch.linspace(-1, 1, 20)
    start = torch.zeros(20)
    optimizer.start(start)
    base = optimizer.step(1.0, gradient)
    wild = optimizer.step(0.9, 0.999 * gradient)
    nearer = optimizer.step(100.0, -50 * gradient)
    torch.testing.assert_close(nearer - base, 0.999 / 50.999 * (wild - base))
    nearest = optimizer.step(4.0, -3 * gradient)  # the second in a row: a tenth of the step besides
    torch.testing.assert_close(nearest - base, 0.1 * 0.999 / 3.999 * (nearer - base))
    further = optimizer.step(0.8, 0.9 * gradient)  # accepted: what follows begins there
    assert float((further - nearest).abs().max()) > 0


def test_a_step_that_rises_a_little_is_kept():
    optimizer, gradient = Lbfgs(), torch.linspace(-1, 1, 20)
    optimizer.start(torch.zeros(20))
    optimizer.step(1.0, gradient)
    before = optimizer.step(0.9, 0.9 * gradient)
    after = optimizer.step(1.5, 0.8 * gradient)
    assert float(((after - before) * gradient).sum()) < 0
    assert float((after - before).abs().max()) > float((0.05 * before).abs().max())


def step_ahead(optimizer: Lbfgs, loss: float, gradient: torch.Tensor) -> torch.Tensor | None:
    """Make a step as on a GPU: its numbers are asked for before the loss is known."""
    ahead = optimizer.look_ahead(gradient)
    return optimizer.step(loss, gradient) if ahead is None else optimizer.step_ahead(loss, gradient, ahead)


@pytest.mark.parametrize("history", [1, 3, 20])
def test_lbfgs_that_looks_ahead_makes_the_same_steps(history):
    """Through steps that are taken back, curvature that is not positive, and a memory that is full."""
    generator = torch.Generator().manual_seed(5)
    plain, ahead = Lbfgs(history), Lbfgs(history)
    for optimizer in (plain, ahead):
        optimizer.start(START)
    wild = bent = 0
    for number in range(60):
        gradient = torch.randn(START.shape, generator=generator, dtype=START.dtype)
        if number % 7 == 3:  # against the step that led here
            gradient = (plain._rows[-1] + plain._base - plain._point).reshape(START.shape)
        loss = 100.0 if number % 7 > 4 else 1.0
        pairs = plain._pairs
        expected = plain.step(loss, gradient)
        found = step_ahead(ahead, loss, gradient.clone())
        assert torch.equal(found, expected)
        wild += plain._wild_steps > 0
        bent += number > 0 and plain._pairs == pairs
    assert wild > 5
    assert bent > 5
    states = plain.state_dict(), ahead.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in ("rows", "products", "direction"))


def test_lbfgs_stops_where_it_is_flat():
    for take in (lambda optimizer, *told: optimizer.step(*told), step_ahead):
        optimizer = Lbfgs()
        optimizer.start(torch.zeros(3))
        assert take(optimizer, 1.0, torch.ones(3)) is not None
        assert take(optimizer, 1.0, torch.zeros(3)) is None
    optimizer.start(torch.zeros(3))
    assert optimizer.step(1.0, torch.zeros(3)) is None
