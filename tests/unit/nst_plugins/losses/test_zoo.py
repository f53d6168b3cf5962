"""The zoo of losses against computations of another kind, in plain numpy; their gradients and bounds of memory."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nst_core import FeatureMaps, unknown_name
from nst_plugins.losses.covariance_style import CovarianceStyle
from nst_plugins.losses.histogram_style import HistogramStyle
from nst_plugins.losses.laplacian import Laplacian, laplacian
from nst_plugins.losses.matrix_root import eigen_root, newton_schulz, roots
from nst_plugins.losses.mean_std_style import MeanStdStyle
from nst_plugins.losses.nn_style import NnStyle
from nst_plugins.losses.quantiles import quantiles, squared_transport
from nst_plugins.losses.range_penalty import RangePenalty
from nst_plugins.losses.self_similarity_content import SelfSimilarityContent
from nst_plugins.losses.swd_style import SwdStyle, directions
from nst_plugins.losses.total_variation import TotalVariation
from nst_plugins.losses.w2_style import W2Style


def maps(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def flat(feature: torch.Tensor) -> np.ndarray:
    return feature[0].double().numpy().reshape(feature.shape[1], -1)


def one_layer(feature: torch.Tensor) -> FeatureMaps:
    return FeatureMaps({"l": feature})


def value(loss, pastiche, style) -> float:
    if hasattr(loss, "statistic"):
        target = loss.prepared_target(loss.statistic(style))
        return float(loss.criterion(loss.statistic(pastiche), target, pastiche.shape[1]))
    picture, aim = one_layer(pastiche), one_layer(style)
    return float(loss.forward(picture, FeatureMaps.of(loss.level_targets(aim, picture, None))))


PASTICHE, STYLE = maps(5, 6, 7), maps(5, 4, 9, seed=1) * 1.5 + 0.3


def test_mean_and_std():
    a, b = flat(PASTICHE), flat(STYLE)
    expected = ((a.mean(1) - b.mean(1)) ** 2).mean() + ((a.std(1) - b.std(1)) ** 2).mean()
    assert value(MeanStdStyle(), PASTICHE, STYLE) == pytest.approx(expected, rel=1e-4)


def test_covariance():
    a, b = flat(PASTICHE), flat(STYLE)
    difference = np.cov(a, bias=True) - np.cov(b, bias=True)
    expected = (difference**2).mean() + ((a.mean(1) - b.mean(1)) ** 2).mean()
    assert value(CovarianceStyle(), PASTICHE, STYLE) == pytest.approx(expected, rel=1e-10)


def root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T


@pytest.mark.parametrize("method", ["eigen", "newton-schulz"])
@pytest.mark.parametrize("blur", [0.01, 1e-4])
def test_wasserstein_of_gaussians(method, blur):
    a, b = flat(PASTICHE), flat(STYLE)
    c, d = (np.cov(x, bias=True) + blur * np.eye(5) for x in (a, b))
    bures = np.trace(c) + np.trace(d) - 2 * np.trace(root(root(c) @ d @ root(c)))
    expected = (((a.mean(1) - b.mean(1)) ** 2).sum() + bures) / 5
    assert value(W2Style(blur=blur, root=method), PASTICHE, STYLE) == pytest.approx(expected, rel=1e-8)


@given(seed=st.integers(0, 2**20), few=st.booleans())
def test_wasserstein_along_fewer_axes_is_never_larger(seed, few):
    """Leaving correlations out brings Gaussians nearer, the more so the more are left out; equal ones stay equal."""
    pastiche, style = maps(5, 1, 3 if few else 9, seed=seed), 1.5 * maps(5, 2, 6, seed=seed + 1) + 0.3
    along = [value(W2Style(rank=rank), pastiche, style) for rank in (1, 2, 3, 4, 5)]
    assert along == sorted(along) or all(b > a - 1e-9 for a, b in itertools.pairwise(along))
    assert along[-1] == pytest.approx(value(W2Style(rank=0), pastiche, style), rel=1e-12)
    for rank in (1, 3, 0):
        assert value(W2Style(rank=rank), style, style.flip(3)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("rank", [0, 2, 4])
def test_wasserstein_has_the_gradient_of_its_value(rank):
    style = maps(6, 4, 5, seed=2)
    loss = W2Style(rank=rank)
    target = loss.prepared_target(loss.statistic(style))
    feature = maps(6, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss.criterion(loss.statistic(x), target, 6), feature, atol=1e-5)


def test_wasserstein_of_independent_channels_is_that_of_means_and_deviations():
    """Where covariances commute, W₂² is |μ - ν|² + |σ - τ|²: here every channel varies at positions of its own."""
    pastiche, style = torch.zeros(1, 3, 1, 12, dtype=torch.float64), torch.zeros(1, 3, 1, 12, dtype=torch.float64)
    for n, (one, two) in enumerate([(1.0, 2.0), (3.0, 0.5), (0.2, 0.2)]):
        for i, sign in enumerate((1, -1)):
            pastiche[0, n, 0, 2 * n + i], style[0, n, 0, 2 * n + i] = sign * one, sign * two
    expected = sum((one - two) ** 2 / 6 for one, two in [(1.0, 2.0), (3.0, 0.5), (0.2, 0.2)]) / 3
    assert value(W2Style(blur=1e-6), pastiche, style) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("method", [newton_schulz, eigen_root])
def test_roots_of_a_matrix(method):
    for condition, dtype, tolerance in ((1e2, torch.float32, 1e-4), (1e8, torch.float64, 1e-7)):
        basis = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
        matrix = basis @ np.diag(np.logspace(0, np.log10(condition), 12)) @ basis.T
        found, inverse = method(torch.from_numpy(matrix)[None].to(dtype))
        np.testing.assert_allclose(found[0].double(), root(matrix), atol=tolerance * condition**0.5)
        np.testing.assert_allclose(inverse[0].double().numpy() @ root(matrix), np.eye(12), atol=100 * tolerance)


@pytest.mark.parametrize("method", ["eigen", "newton-schulz"])
def test_gradients_near_singular_covariances(method):
    """More channels than positions, equal channels, and eigenvalues that meet: gradients agree and stay finite."""
    singular = {
        "few positions": maps(6, 1, 3),
        "equal channels": maps(1, 3, 4).expand(1, 6, 3, 4).clone(),
        "constant": torch.full((1, 6, 3, 4), 0.7, dtype=torch.float64),
    }
    loss, style = W2Style(root=method), maps(6, 1, 4, seed=2)
    target = loss.prepared_target(loss.statistic(style))
    for name, feature in singular.items():
        assert torch.autograd.gradcheck(
            lambda x: loss.criterion(loss.statistic(x), target, 6), feature.requires_grad_(), atol=1e-4
        ), name
        leaf = feature.detach().float().requires_grad_()
        (gradient,) = torch.autograd.grad(loss.criterion(loss.statistic(leaf), target, 6), leaf)
        assert torch.isfinite(gradient).all(), name


def least_transport(a: np.ndarray, b: np.ndarray) -> float:
    """The cheapest of all ways to pair the values: what sorting must find."""
    return min(((a - b[list(order)]) ** 2).mean() for order in itertools.permutations(range(len(b))))


def test_sorted_values_are_the_cheapest_transport():
    a, b = maps(2, 6)[0], maps(2, 6, seed=1)[0]
    expected = [least_transport(x, y) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(squared_transport(a, quantiles(b, 6)), expected, rtol=1e-12)
    # Values given twice are the same distribution.
    twice = quantiles(b.repeat(1, 2), 12)
    np.testing.assert_allclose(squared_transport(a.repeat(1, 2), twice), expected, rtol=1e-12)
    halves = quantiles(torch.tensor([[4.0, 0.0, 1.0, 3.0]]), 2)
    assert halves.tolist() == [[0.5, 3.5]]


@pytest.mark.parametrize("make", [HistogramStyle, SwdStyle])
def test_remembered_quantiles_are_those_of_the_target_at_hand(make):
    """One instance sees targets and sizes in turn; each time the value is that of a fresh instance."""
    loss = make()
    other = STYLE + 1
    for pastiche, style in ((PASTICHE, STYLE), (PASTICHE, other), (PASTICHE[..., :3], other), (PASTICHE, STYLE)):
        assert value(loss, pastiche, style) == value(make(), pastiche, style)


def test_sliced_wasserstein():
    axes = directions(5, 5, seed=3)
    torch.testing.assert_close(axes @ axes.T, torch.eye(5, dtype=torch.float64))
    many = directions(5, 12, seed=3)
    torch.testing.assert_close(many.norm(dim=1), torch.ones(12, dtype=torch.float64))
    style = maps(5, 6, 7, seed=1)
    a, b = axes.numpy() @ flat(PASTICHE), axes.numpy() @ flat(style)
    expected = ((np.sort(a) - np.sort(b)) ** 2).mean()
    assert value(SwdStyle(seed=3), PASTICHE, style) == pytest.approx(expected, rel=1e-10)
    assert value(SwdStyle(seed=4), PASTICHE, style) != pytest.approx(expected, rel=1e-3)


def test_histograms_do_not_see_places_and_do_see_skewness():
    style = maps(5, 6, 7, seed=1)
    shuffled = style.flatten(2)[..., torch.randperm(42, generator=torch.Generator().manual_seed(0))].reshape(
        style.shape
    )
    assert value(HistogramStyle(), shuffled, style) == pytest.approx(0, abs=1e-12)
    expected = ((np.sort(flat(PASTICHE)) - np.sort(flat(style))) ** 2).mean()
    assert value(HistogramStyle(), PASTICHE, style) == pytest.approx(expected, rel=1e-10)
    even, skewed = torch.tensor([-1.0, -1, 1, 1]), torch.tensor([-(3**-0.5), -(3**-0.5), -(3**-0.5), 3**0.5])
    even, skewed = (x.reshape(1, 1, 2, 2) for x in (even, skewed))
    assert value(MeanStdStyle(), even, skewed) == pytest.approx(0, abs=1e-6)
    assert value(HistogramStyle(), even, skewed) > 0.1


def neighbours(a: np.ndarray, b: np.ndarray) -> list[int]:
    """The most similar of the columns ``(D, M')`` for every column ``(D, M)``, one after the other."""
    keys = [b[:, j] - b.mean(axis=1) for j in range(b.shape[1])]
    found = []
    for i in range(a.shape[1]):
        query = a[:, i] - a.mean(axis=1)
        found.append(int(np.argmax([query @ key / np.linalg.norm(query) / np.linalg.norm(key) for key in keys])))
    return found


def distance_to(a: np.ndarray, aim: np.ndarray) -> float:
    """Mean squared distance of columns ``(D, M)``, relative to the mean squared length of those aimed at."""
    return ((a - aim) ** 2).sum() / (aim**2).sum()


def cells(x: torch.Tensor, side: int) -> np.ndarray:
    return np.stack(
        [
            flat(x[..., i : i + side, j : j + side]).ravel()
            for i in range(0, x.shape[2], side)
            for j in range(0, x.shape[3], side)
        ]
    ).T


def test_every_position_is_compared_with_its_nearest_neighbour():
    a, b = flat(PASTICHE), flat(STYLE)
    expected = distance_to(a, b[:, neighbours(a, b)])
    assert value(NnStyle(coherence=0), PASTICHE, STYLE) == pytest.approx(expected, rel=1e-4)


def test_neighbours_of_large_maps_are_searched_on_a_coarser_grid():
    pastiche, style = maps(3, 12, 8), maps(3, 10, 16, seed=1)
    a, b = cells(pastiche, 2), cells(style, 2)
    expected = distance_to(a, b[:, neighbours(a, b)])
    assert value(NnStyle(positions=50, coherence=0), pastiche, style) == pytest.approx(expected, rel=1e-4)


def test_large_cells_are_described_by_few_positions_and_compared_by_all():
    pastiche, style = (F.interpolate(maps(3, 16, 24, seed=n), scale_factor=2) for n in (0, 1))
    noise = 0.1 * maps(3, 32, 48, seed=2)
    noise -= F.interpolate(F.avg_pool2d(noise, 2), scale_factor=2)
    a, b = cells(pastiche, 8), cells(style, 8)
    expected = distance_to(a, cells(style + noise, 8)[:, neighbours(a, b)])
    assert value(NnStyle(positions=24, coherence=0), pastiche, style + noise) == pytest.approx(expected, rel=1e-4)


def test_content_and_picture_share_in_what_is_looked_for():
    """A style of two marks: the content looks for one, the picture for the other."""
    marks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64).reshape(1, 2, 1, 2)
    own = marks.flip(-1)
    for share, expected in ((1.0, marks), (0.6, marks), (0.4, own), (0.0, own)):
        loss = NnStyle(content_share=share, coherence=0)
        found = loss.level_targets(one_layer(marks), one_layer(own), one_layer(marks))["l"]
        torch.testing.assert_close(found, expected)


def test_what_was_chosen_is_kept_wherever_the_picture_goes():
    """The loss of a level is one square: its gradient is a straight line between any two pictures."""
    loss, start, style = NnStyle(positions=12), one_layer(maps(4, 6, 8)), one_layer(maps(4, 10, 6, seed=1))
    targets = loss.level_targets(style, start, one_layer(maps(4, 6, 8, seed=2)))
    gradients = []
    for share in (0.0, 0.5, 1.0):
        picture = (start["l"].lerp(maps(4, 6, 8, seed=3), share)).requires_grad_()
        (gradient,) = torch.autograd.grad(loss.forward(one_layer(picture), targets), picture)
        gradients.append(gradient)
    torch.testing.assert_close(gradients[1], (gradients[0] + gradients[2]) / 2)
    assert torch.autograd.gradcheck(
        lambda x: loss.forward(one_layer(x), targets), maps(4, 6, 8, seed=4).requires_grad_()
    )


@settings(deadline=None)
@given(shift=st.tuples(st.integers(0, 5), st.integers(0, 5)), seed=st.integers(0, 100))
def test_where_a_mark_lies_in_the_style_does_not_matter(shift, seed):
    """Neighbours are found wherever they are: a style that is moved around, with its border, gives the same marks."""
    start, style = maps(3, 5, 4, seed=seed), maps(3, 6, 6, seed=seed + 1)
    moved = style.roll(shift, (2, 3))
    loss = NnStyle(coherence=0)
    found, again = (loss.level_targets(one_layer(one), one_layer(start), None)["l"] for one in (style, moved))
    torch.testing.assert_close(found, again)


SIDES = st.integers(1, 70)


@settings(deadline=None)
@given(content=st.tuples(SIDES, SIDES), style=st.tuples(SIDES, SIDES), positions=st.integers(1, 600))
@example(content=(48, 64), style=(24, 32), positions=1024)
@example(content=(3, 70), style=(64, 64), positions=64)
def test_neighbours_are_found_whatever_the_sizes(content, style, positions):
    """Images of any two sizes, with layers of several strides rounded down as poolings do."""

    def features(size: tuple[int, int], seed: int) -> FeatureMaps:
        strides = {"a": 1, "b": 2, "c": 8}
        return FeatureMaps(
            {
                layer: maps(3, max(1, size[0] // stride), max(1, size[1] // stride), seed=seed + stride)
                for layer, stride in strides.items()
            }
        )

    pastiche, target, loss = features(content, 0), features(style, 50), NnStyle(positions=positions)
    aims = loss.level_targets(target, pastiche, features(content, 25))
    leaf = pastiche["a"].requires_grad_()
    found = loss.forward(pastiche, aims)
    found.backward()
    assert bool(torch.isfinite(found))
    assert bool(torch.isfinite(leaf.grad).all())
    same = loss.level_targets(target, target, target)
    assert float(loss.forward(target, same)) == pytest.approx(0, abs=1e-6)


def test_self_similarity():
    pastiche, content = maps(5, 4, 4), maps(5, 4, 4, seed=1)
    relative = []
    for feature in (flat(pastiche), flat(content)):
        unit = feature / np.linalg.norm(feature, axis=0)
        distances = 1 - unit.T @ unit
        relative.append(distances / distances.sum(axis=0))
    n = 16
    expected = n * np.abs(relative[0] - relative[1]).sum() / n**2
    assert value(SelfSimilarityContent(), pastiche, content) == pytest.approx(expected, rel=1e-4)
    # Brighter, and with all channels turned: nothing that says which place is like which.
    turned = torch.einsum("ij,bjhw->bihw", directions(5, 5, 0), 3 * content)
    assert value(SelfSimilarityContent(), turned, content) < 1e-4 * expected
    # A grid of every second position, from the second on.
    few = value(SelfSimilarityContent(positions=4), pastiche, content)
    chosen = (slice(None), slice(None), slice(1, None, 2), slice(1, None, 2))
    assert few == pytest.approx(value(SelfSimilarityContent(), pastiche[chosen], content[chosen]), rel=1e-9)


def test_laplacian():
    image = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cells = image[0].numpy().reshape(3, 4, 2, 6, 2).mean(axis=(2, 4)).sum(axis=0)
    padded = np.pad(cells, 1, mode="edge")
    expected = np.zeros_like(cells)
    for i, j in np.ndindex(*cells.shape):
        around = padded[i, j + 1] + padded[i + 2, j + 1] + padded[i + 1, j] + padded[i + 1, j + 2]
        expected[i, j] = around - 4 * padded[i + 1, j + 1]
    np.testing.assert_allclose(laplacian(image, 2)[0], expected, atol=1e-12)
    assert value(Laplacian(pool=2), image, torch.zeros_like(image)) == pytest.approx((expected**2).mean(), rel=1e-10)
    ramp = torch.linspace(0, 1, 12, dtype=torch.float64).expand(1, 3, 8, 12)
    np.testing.assert_allclose(laplacian(ramp, 1)[0, :, 1:-1], 0, atol=1e-12)


def test_kinds_of_total_variation():
    image = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = image.numpy()[0]
    isotropic = nine = 0.0
    for c, i, j in np.ndindex(*x.shape):
        down = x[c, i + 1, j] - x[c, i, j] if i < 5 else 0.0
        right = x[c, i, j + 1] - x[c, i, j] if j < 6 else 0.0
        falling = x[c, i + 1, j + 1] - x[c, i, j] if i < 5 and j < 6 else 0.0
        rising = x[c, i + 1, j - 1] - x[c, i, j] if i < 5 and j > 0 else 0.0
        isotropic += np.sqrt(down**2 + right**2 + 1e-6) - 1e-3
        nine += 2 / 3 * (down**2 + right**2) + (falling**2 + rising**2) / 6
    assert float(TotalVariation("isotropic").density(image).sum()) == pytest.approx(isotropic, rel=1e-9)
    assert float(TotalVariation("nine-point").density(image).sum()) == pytest.approx(nine, rel=1e-9)


def test_nine_points_see_a_diagonal_ramp_as_they_see_an_upright_one():
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    ramps = [(rows * a + columns * b).expand(1, 3, 20, 20) for a, b in ((1.0, 0.0), (0.5**0.5, 0.5**0.5))]
    for kind in ("isotropic", "nine-point", "squared"):
        upright, diagonal = (float(TotalVariation(kind).density(r)[0, 10, 10]) for r in ramps)
        assert upright == pytest.approx(diagonal, rel=1e-5)


def test_range():
    image = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.2]).expand(1, 3, 1, 5)
    torch.testing.assert_close(RangePenalty().density(image)[0, 0], 3 * torch.tensor([0.25, 0, 0, 0, 0.04]))
    inner = RangePenalty(low=0.1, high=0.9).density(image)[0, 0]
    torch.testing.assert_close(inner, 3 * torch.tensor([0.36, 0.01, 0, 0.01, 0.09]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: W2Style(blur=0.0), "blur must be from 1e-6 to 10"),
        (lambda: W2Style(rank=-1), "rank must be 0 or more"),
        (lambda: SwdStyle(directions=-1), "directions must be 0 or more"),
        (lambda: NnStyle(positions=0), "positions must be at least 1"),
        (lambda: NnStyle(content_share=1.5), "content_share must lie between 0 and 1"),
        (lambda: NnStyle(coherence=-0.1), "coherence must not be negative"),
        (lambda: SelfSimilarityContent(positions=0), "positions must be at least 1"),
        (lambda: Laplacian(pool=0), "pool must be at least 1"),
        (lambda: RangePenalty(low=1.0, high=0.5), "low must be below high"),
    ],
)
def test_parameters_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_unknown_root_is_refused():
    with pytest.raises(type(unknown_name("root", "x", ())), match="unknown root 'cubic'"):
        roots(torch.eye(2)[None], "cubic")
