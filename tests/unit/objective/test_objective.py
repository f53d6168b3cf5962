"""The objective: a function of image and targets, with their gradient, and nothing remembered in between."""

from __future__ import annotations

import pickle

import pytest
import torch
from tiny import LAYERS, TinyExtractor, plugin, tiny_registry
from torch import Tensor

from nst_core import BrokenContractError, FeatureLoss, Objective, Session, TargetImage, Targets, make_job
from nst_core.objective.binding import bind_terms
from nst_core.objective.tiling import Tiling

BUILTIN = tiny_registry()
OPTIONS = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu"}


def image(height: int, width: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)).to(dtype)


def objective_of(*losses: str, dtype: torch.dtype = torch.float32, registry=BUILTIN, **options) -> Objective:
    sample = image(8, 8, 0)
    job = make_job(sample, sample, session=Session(registry), plugins=list(losses), **OPTIONS, **options)
    extractor = TinyExtractor()
    network = extractor.build(list(LAYERS)).to(dtype)
    return Objective(network, list(LAYERS), bind_terms(job, registry, extractor), taps=extractor.taps())


def targets_of(objective: Objective, content: Tensor, *styles: tuple[Tensor, float]) -> Targets:
    return objective.targets(
        {"content": [TargetImage(content)], "style": [TargetImage(pixels, share) for pixels, share in styles]}
    )


CONTENT, STYLE, OTHER, POINT = image(24, 32, 1), image(20, 28, 2), image(16, 16, 3), image(24, 32, 4)


@pytest.mark.parametrize("losses", [["gram-style"], ["covariance-style"], ["mean-std-style"], ["w2-style"]])
def test_gradcheck_with_two_blended_styles(losses):
    objective = objective_of(*losses, "tv", dtype=torch.float64, content_weight=1.0, style_weight=1.0)
    content, style, other = (image(8, 8, seed, torch.float64) for seed in (1, 2, 3))
    targets = targets_of(objective, content, (style, 0.7), (other, 0.3))
    point = image(8, 8, 4, torch.float64).requires_grad_()
    assert objective(point, targets).total.dtype == torch.float64
    assert torch.autograd.gradcheck(lambda x: objective(x, targets).total, point, eps=1e-6, atol=1e-7)
    evaluated = objective.evaluate(point, targets)
    (expected,) = torch.autograd.grad(objective(point, targets).total, point)
    torch.testing.assert_close(evaluated.gradient, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_losses_are_float32_whatever_the_network(dtype):
    objective = objective_of("w2-style", dtype=dtype)
    found = objective.evaluate(POINT, targets_of(objective, CONTENT, (STYLE, 1.0)))
    assert found.losses.dtype == found.total.dtype == found.gradient.dtype == torch.float32


def test_calling_and_evaluating_agree():
    objective = objective_of("gram-style", "tv")
    targets = targets_of(objective, CONTENT, (STYLE, 0.5), (OTHER, 0.5))
    leaf = POINT.clone().requires_grad_()
    called, evaluated = objective(leaf, targets), objective.evaluate(leaf, targets)
    (gradient,) = torch.autograd.grad(called.total, leaf)
    torch.testing.assert_close(called.losses, evaluated.losses)
    torch.testing.assert_close(called.total.detach(), evaluated.total)
    torch.testing.assert_close(gradient, evaluated.gradient)
    assert called.gradient is None
    assert not evaluated.total.requires_grad
    assert not called.losses.requires_grad


def test_the_total_is_the_weighted_sum():
    objective = objective_of("gram-style", "tv", style_layers=["a=2", "c"])
    assert objective.labels == (("mse-content", "b"), ("gram-style", "a"), ("gram-style", "c"), ("tv", "image"))
    assert objective.weights == (10.0, 2e7, 1e7, 100.0)
    targets = targets_of(objective, CONTENT, (STYLE, 1.0))
    for weights in (None, (1.0, 0.0, 3.0, 2.0)):
        found = objective.evaluate(POINT, targets, weights=weights)
        expected = sum(w * float(v) for w, v in zip(weights or objective.weights, found.losses, strict=True))
        assert float(found.total) == pytest.approx(expected, rel=1e-5)


def test_one_objective_serves_two_contents():
    """Targets are a value: whichever was made last, each is compared with its own."""
    objective = objective_of("gram-style")
    contents, styles = (CONTENT, CONTENT.flip(3)), (STYLE, OTHER)
    targets = [targets_of(objective, c, (s, 1.0)) for c, s in zip(contents, styles, strict=True)]
    for content, style, target in zip(contents, styles, targets, strict=True):
        alone = objective_of("gram-style")
        expected = alone.evaluate(POINT, targets_of(alone, content, (style, 1.0)))
        found = objective.evaluate(POINT, target)
        assert torch.equal(found.losses, expected.losses)
        assert torch.equal(found.gradient, expected.gradient)
        assert objective(content, target).losses[0] == 0
    assert not torch.equal(objective(POINT, targets[0]).losses, objective(POINT, targets[1]).losses)


def test_evaluations_leave_an_objective_as_it_was():
    objective = objective_of("gram-style", "covariance-style", "w2-style", "tv")
    targets = targets_of(objective, CONTENT, (STYLE, 0.5), (OTHER, 0.5))
    before = pickle.dumps((objective.__dict__, targets))
    point = POINT.clone()
    first = objective.evaluate(point, targets)
    objective.evaluate(OTHER.repeat(1, 1, 2, 2)[..., :24, :32], targets, weights=[0.0] * len(objective.labels))
    objective.normalized_weights(STYLE.repeat(1, 1, 2, 2)[..., :24, :32], targets)
    assert pickle.dumps((objective.__dict__, targets)) == before
    assert torch.equal(point, POINT)
    again = objective.evaluate(point, targets)
    assert torch.equal(first.losses, again.losses)
    assert torch.equal(first.gradient, again.gradient)


def test_a_loss_that_is_no_scalar_is_named():
    class Vector(FeatureLoss):
        def forward(self, features, targets):
            return features["a"].mean((0, 2, 3))

    objective = objective_of("vector", registry=tiny_registry(("vector", plugin(losses={"vector": Vector}))))
    with pytest.raises(
        BrokenContractError, match=r"loss 'vector' must give scalars, but gave a tensor of shape \(4,\)"
    ):
        objective.evaluate(POINT, targets_of(objective, CONTENT, (STYLE, 1.0)))


def test_a_network_that_gives_too_few_maps_is_an_error():
    objective = Objective(
        lambda pixels: [pixels],
        list(LAYERS),
        bind_terms(make_job(CONTENT, STYLE, session=Session(BUILTIN), **OPTIONS), BUILTIN, TinyExtractor()),
        taps=LAYERS,
    )
    with pytest.raises(Exception, match="the network gave 1 feature maps for the layers a, b, c"):
        targets_of(objective, CONTENT, (STYLE, 1.0))


def test_the_geometry_is_that_of_layers_and_losses():
    assert objective_of("gram-style").geometry == Tiling.of(LAYERS.values())
    assert objective_of("gram-style", "tv").untileable == ()
    assert objective_of("gram-style", "swd-style").untileable == ("swd-style",)
