"""Maps of colours: what they promise of mean and covariance, for any colours."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nst_core import UnknownNameError
from nst_plugins.transforms.matching import EPSILON, METHODS, color_moments, matched, matching_matrix

EYE = torch.eye(3, dtype=torch.float64)
methods = pytest.mark.parametrize("method", METHODS)


@st.composite
def images(draw) -> Tensor:
    """Draw an image whose colours lie in a box, on a plane, on a line or in a point, up to and within [0, 1]."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    spread = torch.tensor(draw(st.tuples(*[st.sampled_from([0.0, 1e-4, 0.1, 1.0])] * 3))).reshape(1, 3, 1, 1)
    mixture = torch.randn(3, 3, generator=generator)
    colours = torch.einsum("ij,bjhw->bihw", mixture, spread * torch.randn(1, 3, height, width, generator=generator))
    return (0.5 + 0.2 * colours).clamp(0, 1)


@methods
@settings(deadline=None, max_examples=60)
@given(image=images(), target=images())
def test_mean_and_covariance_are_those_of_the_target(method, image, target):
    """Before clamping, and up to the ε that keeps flat images from blowing up."""
    mean, covariance = color_moments(matched(image, target, method))
    wanted, expected = color_moments(target)
    matrix = matching_matrix(color_moments(image)[1], expected, method)
    torch.testing.assert_close(mean, wanted, atol=1e-9, rtol=0)
    torch.testing.assert_close(covariance, expected + EPSILON * (EYE - matrix @ matrix.T), atol=1e-9, rtol=0)


@methods
def test_the_covariance_of_rich_colours_is_the_targets(method):
    generator = torch.Generator().manual_seed(0)
    image, target = (0.25 + 0.5 * torch.rand(1, 3, 40, 40, generator=generator) for _ in range(2))
    target = target.lerp(target.mean(1, keepdim=True), 0.5)
    found = matched(image, target, method)
    assert 0 < float(found.min()) < float(found.max()) < 1
    torch.testing.assert_close(color_moments(found)[1], color_moments(target)[1], atol=2 * EPSILON, rtol=0)


@methods
@settings(deadline=None, max_examples=30)
@given(image=images(), target=images())
def test_the_map_is_the_one_that_it_is_called(method, image, target):
    source, wanted = color_moments(image)[1], color_moments(target)[1]
    matrix = matching_matrix(source, wanted, method)
    size = float(matrix.abs().max())
    torch.testing.assert_close(
        matrix @ (source + EPSILON * EYE) @ matrix.T, wanted + EPSILON * EYE, atol=1e-9, rtol=1e-6
    )
    if method == "cholesky":
        assert torch.equal(matrix, matrix.tril())
        assert matrix.diagonal().min() > 0
    elif method == "ot":  # symmetric and positive, which makes it the one of least transport
        torch.testing.assert_close(matrix, matrix.T, atol=1e-7 * size, rtol=0)
        assert torch.linalg.eigvalsh((matrix + matrix.T) / 2).min() > 0
    else:  # a product of two symmetric positive matrices
        assert torch.linalg.eigvals(matrix).real.min() > 0


@methods
def test_an_image_matched_to_itself_is_itself(method):
    image = torch.rand(1, 3, 8, 9, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(matched(image, image, method), image.double(), atol=1e-9, rtol=0)
    assert torch.equal(color_moments(image)[0], image.double().mean((0, 2, 3)))


def test_transport_moves_colours_least():
    generator = torch.Generator().manual_seed(4)
    image = torch.rand(1, 3, 30, 30, generator=generator)
    target = torch.einsum("ij,bjhw->bihw", torch.rand(3, 3, generator=generator) / 3, image.roll(5, 3)) + 0.1
    moved = {m: float((matched(image, target, m) - image).square().mean()) for m in METHODS}
    assert moved["ot"] < min(moved["cholesky"], moved["pca"])


@methods
def test_one_colour_becomes_the_mean_of_the_target(method):
    target = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    flat = torch.tensor([0.1, 0.7, 0.3]).reshape(1, 3, 1, 1).repeat(1, 1, 6, 6)
    for image in (flat, flat[..., :1, :1]):
        found = matched(image, target, method)
        expected = target.double().mean((2, 3), keepdim=True).expand_as(found)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        matched(target, flat, method), flat[..., :1, :1].double().expand(1, 3, 8, 8), atol=0.02, rtol=0
    )


@methods
def test_rounding_in_a_grey_image_does_not_become_colour(method):
    """Noise of one 8-bit level in the chroma of a grey painting stays faint in the colours of a photograph."""
    generator = torch.Generator().manual_seed(6)
    photograph = torch.rand(1, 3, 32, 32, generator=generator)
    grey = torch.rand(1, 1, 32, 32, generator=generator).repeat(1, 3, 1, 1)
    rounded = grey + torch.randint(-1, 2, (1, 3, 32, 32), generator=generator) / 255 / 2
    assert float((matched(rounded, photograph, method) - matched(grey, photograph, method)).std()) < 0.15


def test_an_unknown_method_is_explained():
    with pytest.raises(UnknownNameError, match="unknown method 'chol'; did you mean 'cholesky'"):
        matching_matrix(EYE, EYE, "chol")
