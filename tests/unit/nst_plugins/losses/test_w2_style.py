"""The Wasserstein loss on features of a real network, against its formula in float64."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from nst_core import Session
from nst_plugins.extractors.vgg import Vgg19Lite
from nst_plugins.losses.principal_axes import PrincipalAxes
from nst_plugins.losses.w2_style import W2Style

LAYERS = ("conv1_2", "conv3_4", "conv5_4")
BLUR = 0.01


@functools.cache
def features(name: str, size: int = 96) -> tuple[Tensor, ...]:
    pixels = Session().images.open(f"sample:{name}", "image").at(size).pixels
    with torch.no_grad():
        return tuple(Vgg19Lite().network(LAYERS)(pixels))


def gaussian(feature: Tensor) -> tuple[Tensor, Tensor]:
    columns = feature[0].flatten(1).double()
    mean = columns.mean(dim=1)
    return mean, columns @ columns.T / columns.shape[1] - torch.outer(mean, mean)


def symmetric_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def pinched(matrix: Tensor, axes: Tensor, rank: int) -> Tensor:
    """Leave out the correlations beside the span of the last ``rank`` axes, and level the variances there."""
    inside = axes.T @ matrix @ axes
    rest = len(matrix) - rank
    if rest:
        levelled = torch.eye(rest, dtype=matrix.dtype) * inside[:rest, :rest].trace() / rest
        inside = torch.block_diag(levelled, inside[rest:, rest:])
    return axes @ inside @ axes.T


def target_of(loss: W2Style, style: Tensor) -> PrincipalAxes:
    return loss.prepared_target(loss.statistic(style))


def formula(feature: Tensor, style: Tensor, rank: int) -> Tensor:
    """|μ - ν|² + tr C + tr D - 2 tr (D^½ C D^½)^½ of the two Gaussians, over N."""
    (mean, cov), (mean_aim, cov_aim) = gaussian(feature), gaussian(style)
    axes = torch.linalg.eigh(cov_aim)[1]
    noise = BLUR * torch.eye(len(cov), dtype=cov.dtype)
    cov, cov_aim = (pinched(c, axes, min(rank or len(cov), len(cov))) + noise for c in (cov, cov_aim))
    half = symmetric_root(cov_aim)
    values = torch.linalg.eigvalsh(half @ cov @ half).clamp_min(1e-12)
    return ((mean - mean_aim).square().sum() + cov.trace() + cov_aim.trace() - 2 * values.sqrt().sum()) / len(cov)


@pytest.mark.parametrize("rank", [128, 0])
@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_value_and_gradient_are_those_of_the_formula(layer, rank):
    feature, style = features("landscape")[layer], features("brushwork")[layer]
    loss = W2Style(blur=BLUR, rank=rank)
    leaf, exact = feature.clone().requires_grad_(), feature.double().requires_grad_()
    found = loss.criterion(loss.statistic(leaf), target_of(loss, style), feature.shape[1])
    expected = formula(exact, style.double(), rank)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    (gradient,), (wanted,) = torch.autograd.grad(found, leaf), torch.autograd.grad(expected, exact)
    assert float((gradient.double() - wanted).norm() / wanted.norm()) < 1e-4


@pytest.mark.parametrize(
    "pixels",
    [
        torch.zeros(1, 3, 48, 48),
        torch.full((1, 3, 48, 48), 0.5),
        torch.ones(1, 3, 16, 16),
        torch.rand(1, 3, 16, 17, generator=torch.Generator().manual_seed(0)),
    ],
    ids=["black", "flat", "tiny and white", "tiny"],
)
def test_images_of_next_to_nothing_give_finite_values(pixels):
    network = Vgg19Lite().network(LAYERS)
    with torch.no_grad():
        styles = network(pixels)
    leaf = pixels.clone().requires_grad_()
    for loss in (W2Style(), W2Style(rank=0)):
        for aims in (features("brushwork"), styles):
            total = sum(
                loss.criterion(loss.statistic(f), target_of(loss, s), f.shape[1])
                for f, s in zip(network(leaf), aims, strict=True)
            )
            (gradient,) = torch.autograd.grad(total, leaf)
            assert torch.isfinite(total)
            assert torch.isfinite(gradient).all()
        for s in styles:  # each with itself
            same = loss.criterion(loss.statistic(s), target_of(loss, s), s.shape[1])
            assert float(same) == pytest.approx(0, abs=1e-5)
