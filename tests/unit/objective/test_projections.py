"""Projections: what the network computes, and losses that take the map before the projection."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import problem_of
from tiny import plugin, tiny_registry

from nst_core import Session, make_job
from nst_core.objective.networks import network_for
from nst_core.ops import (
    ConvStack,
    Projection,
    ReferenceStack,
    accelerated,
    conv_stack,
    gram_reference,
    native,
    projected_gram,
)
from nst_core.runtime.cache import Cache
from nst_plugins.extractors.vgg import Vgg19Lite
from nst_plugins.losses.gram_style import GramStyle
from nst_plugins.losses.mean_std_style import MeanStdStyle
from tests.compiled_forms import check_compiled_forms

CPU = torch.device("cpu")


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def projection_of(outputs: int, inputs: int, dtype: torch.dtype = torch.float64) -> Projection:
    return Projection(random(outputs, inputs, seed=1, dtype=dtype) / inputs**0.5, random(outputs, seed=2, dtype=dtype))


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.detach().double() - expected.detach().double()).norm() / expected.detach().double().norm())


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("outputs", "inputs"), [(5, 3), (64, 64), (32, 64), (96, 96)])
def test_projected_gram_is_that_of_the_projected_map(outputs, inputs, layout, dtype, limit):
    x = random(2, inputs, 9, 13, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
    projection, direction = projection_of(outputs, inputs, dtype), random(2, outputs, outputs, seed=3)
    exact, wide = Projection(projection.weight.double(), projection.bias.double()), x.detach().double().requires_grad_()
    for weight in (None, random(2, 1, 9, 13, seed=4).abs()):
        found, expected = projected_gram(projection, x, weight), gram_reference(exact(wide), weight)
        assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        # What bfloat16 loses is what x has lost already: the products are summed in float32.
        assert distance(found, expected) < (1e-3 if dtype == torch.bfloat16 and weight is None else limit)
        (gradient,) = torch.autograd.grad(found, x, direction.to(found.dtype))
        (wanted,) = torch.autograd.grad(expected, wide, direction)
        assert (gradient.dtype, gradient.shape) == (dtype, x.shape)
        assert distance(gradient, wanted) < limit


def test_gradcheck():
    x, weight = random(2, 3, 2, 4).requires_grad_(), random(2, 1, 2, 4, seed=5).abs()
    assert torch.autograd.gradcheck(lambda x: projected_gram(projection_of(4, 3), x), x)
    assert torch.autograd.gradcheck(lambda x: projected_gram(projection_of(4, 3), x, weight), x)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(1, 40), st.integers(2, 12), st.integers(0, 99))
def test_it_is_additive_over_positions(outputs, inputs, width, seed):
    projection, x = (
        projection_of(outputs, inputs, torch.float32),
        random(1, inputs, 3, width, seed=seed, dtype=torch.float32),
    )
    parts = projected_gram(projection, x[..., :1]) + projected_gram(projection, x[..., 1:])
    assert distance(parts, projected_gram(projection, x)) < 1e-5


NATIVE = pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")


@NATIVE
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # of torch's own check
def test_opcheck(dtype):
    x = torch.randn(2, 32, 3, 4).to(dtype).requires_grad_()
    for weight in (None, torch.rand(2, 1, 3, 4)):
        torch.library.opcheck(torch.ops.nst.projected_gram.default, (x, weight, torch.randn(5, 33)))


@NATIVE
def test_it_works_in_compiled_forms(tmp_path):
    def style(x: torch.Tensor, projection: torch.Tensor) -> torch.Tensor:
        return torch.ops.nst.projected_gram(x, None, projection).square().sum()

    check_compiled_forms(style, (torch.randn(1, 8, 5, 6), torch.randn(3, 9)), tmp_path)


@NATIVE
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (1, 32, 4, 0), (1, 32, 1, 1)])
def test_empty_maps(shape):
    x, projection = torch.zeros(shape, requires_grad=True), projection_of(5, shape[1], torch.float32)
    found = projected_gram(projection, x)
    assert found.shape == (shape[0], 5, 5)
    assert torch.equal(found != 0, torch.full_like(found, x.numel() > 0, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert gradient.shape == shape


@NATIVE
def test_no_channels():
    x = torch.zeros(2, 0, 4, 4, requires_grad=True)
    found = torch.ops.nst.projected_gram(x, None, torch.ones(1, 1))
    torch.testing.assert_close(found, torch.full((2, 1, 1), 16.0))
    assert torch.autograd.grad(found.sum(), x)[0].shape == x.shape


@NATIVE
def test_errors_say_what_is_wrong():
    x = torch.zeros(1, 3, 4, 4)
    with pytest.raises(RuntimeError, match=r"must be \(K, 4\), not \[5, 3\]"):
        torch.ops.nst.projected_gram(x, None, torch.zeros(5, 3))
    with pytest.raises(RuntimeError, match="gradients of the feature only"):
        torch.ops.nst.projected_gram(x, None, torch.zeros(5, 4, requires_grad=True))
    with pytest.raises(RuntimeError, match=r"a projection of shape \[5, 4\] cannot be \[1, 3, 3\]"):
        torch.ops.nst.projected_gram_backward(torch.zeros(1, 3, 3), x, None, torch.zeros(5, 4))


def test_a_stack_may_have_heads_for_some_taps_only():
    weights = (random(32, 3, 3, 3, dtype=torch.float32), random(32, 32, 3, 3, seed=1, dtype=torch.float32))
    projection = (random(16, 32, 1, 1, seed=2, dtype=torch.float32), random(16, seed=3, dtype=torch.float32))
    x = random(1, 3, 8, 8, dtype=torch.float32)
    for projections in ((None, projection), (projection, None)):
        stack = ConvStack(("conv", "conv"), weights, (torch.zeros(32),) * 2, (0, 1), projections)
        for found, expected in zip(conv_stack(stack)(x), ReferenceStack(stack)(x), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def test_a_network_gives_its_projections_away_once():
    layers = ("conv1_1", "conv2_1", "conv3_1")
    image = random(1, 3, 16, 20, dtype=torch.float32).sigmoid()
    whole = Vgg19Lite().build(layers)(image)
    network = Vgg19Lite().build(layers)
    projections = network.detach_projections(("conv3_1", "conv1_1"))
    assert set(projections) == {"conv1_1", "conv3_1"}
    assert network.detach_projections(layers).keys() == {"conv2_1"}
    for module in (network, accelerated(network)):
        first, _, last = module(image)
        torch.testing.assert_close(projections["conv1_1"](first), whole[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(projections["conv3_1"](last), whole[2], rtol=1e-4, atol=1e-4)


class GivenMaps(GramStyle):
    """Overrides the statistic alone, so it must be asked."""

    def statistic(self, feature, weight=None):
        return super().statistic(feature, weight)


REGISTRY = tiny_registry(("maps", plugin(losses={"given-maps": GivenMaps})))


def job(loss: str, images: list[torch.Tensor], **options):
    return make_job(
        *images,
        session=Session(REGISTRY),
        plugins=[loss],
        extractor="vgg19-lite",
        precision="fp32",
        device="cpu",
        size=512,
        **options,
    )


def noise(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_which_losses_have_a_projected_statistic():
    assert GramStyle().has_projected_statistic
    assert not GivenMaps().has_projected_statistic
    assert not MeanStdStyle().has_projected_statistic


def test_projections_are_detached_where_every_loss_has_a_projected_statistic():
    def taken(loss: str) -> set[str]:
        made = job(loss, [noise(48, 64, seed) for seed in (0, 1)])
        return set(network_for(made, REGISTRY, Cache(), CPU, torch.float32).projections)

    assert taken("gram-style") == set(Vgg19Lite.style_layers) - set(Vgg19Lite.content_layers)
    assert taken("given-maps") == set()


@pytest.mark.parametrize("tile", [None, 320])
def test_it_changes_nothing_but_rounding(tile):
    height, width = (48, 64) if tile is None else (400, 336)
    images = [noise(height, width, seed) for seed in (0, 1, 2)]
    layers = ("conv1_1", "conv2_1") if tile else Vgg19Lite.style_layers
    results = []
    for loss in ("gram-style", "given-maps"):
        made = job(loss, images[:2], style_layers=layers)
        results.append(problem_of(made, REGISTRY, images[0], images[1], tile).evaluate(images[2])[0])
    through, given_maps = results
    torch.testing.assert_close(through.losses, given_maps.losses, rtol=1e-3, atol=1e-6)
    assert distance(through.gradient, given_maps.gradient) < 1e-3
