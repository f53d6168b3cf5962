"""Earlier frames of a clip: what temporal losses compare with."""

from __future__ import annotations

import pytest
import torch
from problems import at, problem_of
from runs import CONTENT, STYLE, job, picture
from tiny import plugin, tiny_registry

from nst_core import EarlierFrame, JobError, PointwiseLoss, Session

SIZE = (24, 32)


def weight(seed: int) -> torch.Tensor:
    return torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(seed))


ONE, TWO = EarlierFrame(picture(*SIZE, 5), weight(0)), EarlierFrame(picture(*SIZE, 6), weight(1))


def temporal_value(registry, earlier, image, name="mse-temporal", **options):
    problem = problem_of(job(registry, plugins=[name], **options), registry, CONTENT, STYLE, earlier=earlier)
    found = problem.objective.evaluate(image, problem.targets, weights=problem.weights)
    number = next(n for n, (term, _) in enumerate(problem.objective.labels) if term == name)
    return float(found.losses[number]), problem


def test_the_loss_is_the_weighted_mean_square_over_all_frames(registry):
    """Ruder et al., equation 7: 1/D Σ c (x - ω)², added up over the earlier frames."""
    image = picture(*SIZE, 7)
    found, _ = temporal_value(registry, [ONE, TWO], image)
    expected = sum((f.weight * (image - f.pixels).square()).sum() / image.numel() for f in (ONE, TWO))
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_what_has_no_weight_is_free(registry):
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., :16] = 1
    image = picture(*SIZE, 7)
    other = image.clone()
    other[..., 16:] = 0
    frame = EarlierFrame(ONE.pixels, mask)
    assert temporal_value(registry, [frame], image)[0] == pytest.approx(temporal_value(registry, [frame], other)[0])
    nothing = EarlierFrame(ONE.pixels, torch.zeros(1, 1, *SIZE))
    assert temporal_value(registry, [nothing], image)[0] == 0.0


def test_the_gradient_is_that_of_finite_differences(registry):
    _, problem = temporal_value(registry, [ONE, TWO], picture(*SIZE, 7))
    image = picture(*SIZE, 8)
    leaf = image.clone().requires_grad_()
    (expected,) = torch.autograd.grad(at(problem, leaf).total, leaf)
    found = problem.objective.evaluate(image, problem.targets, weights=problem.weights).gradient
    torch.testing.assert_close(found, expected)


def test_frames_of_another_size_are_resized(registry):
    large = EarlierFrame(picture(48, 64, 5), torch.ones(1, 1, 48, 64))
    assert temporal_value(registry, [large], picture(*SIZE, 7))[0] > 0


def test_a_run_comes_closer_to_earlier_frames_the_more_they_weigh(registry):
    still = EarlierFrame(picture(*SIZE, 9), torch.ones(1, 1, *SIZE))
    distances = []
    for loss_weight in (1.0, 1e3, 1e6):
        wanted = job(registry, plugins=[f"mse-temporal:weight={loss_weight}"], steps=15)
        run = Session(registry).run(wanted, content=CONTENT, styles=[STYLE], earlier=[still])
        distances.append(float((run.exhaust().image - still.pixels).square().mean()))
    assert distances == sorted(distances, reverse=True)


def test_a_plugin_may_compare_features(registry):
    class Features(PointwiseLoss):
        role = "temporal"
        default_layers = ("a",)

        def pointwise(self, feature, target, weight=None):
            found = (feature - target).square()
            return (found if weight is None else found * weight).sum()

        def scale(self, positions, channels):
            return 1.0 / (positions * channels)

    others = tiny_registry(("features", plugin(losses={"features": Features})))
    image = picture(*SIZE, 7)
    assert temporal_value(others, [ONE], image, "features")[0] > 0
    assert temporal_value(others, [ONE], ONE.pixels, "features")[0] == pytest.approx(0.0, abs=1e-10)


def test_a_picture_has_no_earlier_frames(registry):
    with pytest.raises(JobError, match="'mse-temporal' compares with earlier frames of a clip, and a single picture"):
        Session(registry).run(job(registry, plugins=["mse-temporal"]), content=CONTENT, styles=[STYLE])


@pytest.mark.parametrize(
    ("pixels", "weights", "message"),
    [
        ((1, 3, 4, 4), torch.ones(1, 1, 4, 5), "have|has pixels of the shape"),
        ((3, 4, 4), torch.ones(1, 1, 4, 4), "has pixels of the shape"),
        ((1, 3, 4, 4), torch.full((1, 1, 4, 4), 1.5), r"must be in \[0, 1\]"),
        ((1, 3, 4, 4), torch.full((1, 1, 4, 4), float("nan")), r"must be in \[0, 1\]"),
    ],
)
def test_earlier_frames_that_are_none_are_refused(pixels, weights, message):
    with pytest.raises(JobError, match=message):
        EarlierFrame(torch.zeros(pixels), weights)


def test_losses_can_be_changed_during_a_run_with_earlier_frames(registry):
    run = Session(registry).run(
        job(registry, plugins=["mse-temporal"], steps=6), content=CONTENT, styles=[STYLE], earlier=[ONE]
    )
    next(run)
    run.change(strength=0.9)
    assert run.exhaust().stopped == "finished"


def test_the_unfinished_image_is_what_another_run_can_go_on_from(registry):
    plain = Session(registry).run(job(registry, steps=3), content=CONTENT, styles=[STYLE])
    assert plain.unfinished is None
    plain.exhaust()
    assert torch.equal(plain.unfinished, plain.best)
    colored = Session(registry).run(job(registry, steps=3, color="content"), content=CONTENT, styles=[STYLE])
    colored.exhaust()
    assert torch.equal(colored.unfinished, plain.unfinished)  # the optimisation is the same
    assert not torch.equal(colored.unfinished, colored.best)
