"""Stacks of layers on the native kernels against torch's own layers and autograd."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.ops import ConvStack, LayerKind, ReferenceStack, conv_stack, native

pytestmark = pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")


def make(kinds: list[LayerKind], channels: list[int], taps: list[int], dtype=torch.float32, seed=0) -> ConvStack:
    """A stack whose convolutions go from channels[0] to channels[1] to …"""
    generator = torch.Generator().manual_seed(seed)
    pairs = list(itertools.pairwise(channels))
    return ConvStack(
        kinds=tuple(kinds),
        weights=tuple((torch.randn(k, c, 3, 3, generator=generator) / (3 * c**0.5)).to(dtype) for c, k in pairs),
        biases=tuple((0.1 * torch.randn(k, generator=generator)).to(dtype) for _, k in pairs),
        taps=tuple(taps),
    )


def both(stack: ConvStack, x: torch.Tensor, seed: int = 0):
    """Outputs and input gradient of the native stack, and of the reference in float64."""
    wide = replace(
        stack, weights=tuple(w.double() for w in stack.weights), biases=tuple(b.double() for b in stack.biases)
    )
    found = []
    for module, image in ((conv_stack(stack), x), (ReferenceStack(wide), x.double())):
        leaf = image.clone().requires_grad_()
        outputs = module(leaf)
        generator = torch.Generator().manual_seed(seed)
        directions = [torch.randn(o.shape, generator=generator).to(o.dtype) for o in outputs]
        found.append(([o.detach() for o in outputs], torch.autograd.grad(outputs, leaf, directions)[0]))
    return found


def close(found: torch.Tensor, expected: torch.Tensor, limit: float, typical: float = 0.0) -> None:
    """Where numbers cancel out, their size says nothing of their rounding: ``typical`` is that of the summands."""
    assert found.shape == expected.shape
    if expected.numel():
        size = max(float(expected.norm()), typical * expected.numel() ** 0.5)
        assert float((found.double() - expected).norm()) <= limit * size + 1e-12


def agree(stack: ConvStack, x: torch.Tensor, limit: float, gradient_limit: float, typical: float = 0.0) -> None:
    (outputs, gradient), (expected, expected_gradient) = both(stack, x)
    assert len(outputs) == len(stack.taps)
    for found, wanted in zip(outputs, expected, strict=True):
        assert found.dtype == stack.weights[0].dtype
        close(found, wanted, limit, typical)
    assert gradient.dtype == x.dtype
    close(gradient, expected_gradient, gradient_limit)


VGG: list[LayerKind] = ["conv", "relu", "conv", "relu", "max-pool", "conv", "relu", "conv", "relu", "average-pool"]
WIDTHS = {"narrow, then loops": [3, 64, 64, 96, 32], "no multiple of anything": [3, 5, 7, 33, 1]}


@pytest.mark.parametrize("taps", [[9], [2, 7], [3, 8], list(range(10)), [0], [1], [4, 5]], ids=str)
@pytest.mark.parametrize("size", [(16, 20), (17, 23), (5, 4)], ids=str)
@pytest.mark.parametrize("channels", WIDTHS.values(), ids=list(WIDTHS))
def test_float32(channels, size, taps):
    # The deepest layer that is used ends a stack, as an extractor cuts its network there.
    kinds = VGG[: taps[-1] + 1]
    stack = make(kinds, channels[: kinds.count("conv") + 1], taps)
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(3))
    # Where two inputs of a pooling agree to rounding, the gradient may take the other one.
    agree(stack, x, 2e-6, 1e-4)


@pytest.mark.parametrize("channels", WIDTHS.values(), ids=list(WIDTHS))
def test_bfloat16(channels):
    kinds: list[LayerKind] = ["conv", "relu", "conv", "relu", "average-pool", "conv"]
    stack = make(kinds, channels[:4], [2, 5], torch.bfloat16)
    x = torch.randn(1, 3, 24, 28, generator=torch.Generator().manual_seed(3))
    (outputs, gradient), (expected, expected_gradient) = both(stack, x)
    for found, wanted in zip(outputs, expected, strict=True):
        assert found.dtype == torch.bfloat16
        close(found, wanted, 2e-2)
    close(gradient, expected_gradient, 6e-2)  # a ReLU near zero may fall on the other side


@pytest.mark.parametrize("pool", ["max-pool", "average-pool"])
@pytest.mark.parametrize(
    ("kinds", "channels"),
    [(["relu", "conv"], [3, 64]), (["{}", "conv"], [3, 64]), (["conv", "{}", "conv"], [3, 4, 64])],
)
def test_bfloat16_where_few_channels_are_read_later_on(kinds, channels, pool):
    """The first convolution of a network gives its gradient in float32, others need it as they are."""
    stack = make([kind.format(pool) for kind in kinds], channels, [len(kinds) - 1], torch.bfloat16)
    x = torch.randn(1, 3, 18, 22, generator=torch.Generator().manual_seed(3)).bfloat16().float()
    agree(stack, x, 2e-2, 6e-2)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_stack(data):
    kinds = data.draw(st.lists(st.sampled_from(["conv", "relu", "max-pool", "average-pool"]), min_size=1, max_size=9))
    convolutions = kinds.count("conv")
    if not convolutions or sum("pool" in kind for kind in kinds) > 3:
        return
    channels = data.draw(
        st.lists(st.sampled_from([1, 3, 16, 32]), min_size=convolutions + 1, max_size=convolutions + 1)
    )
    taps = sorted(data.draw(st.sets(st.integers(0, len(kinds) - 1), min_size=1)))
    size = data.draw(st.tuples(st.integers(8, 19), st.integers(8, 19)))
    seed = data.draw(st.integers(0, 99))
    stack = make(kinds, channels, taps, seed=seed)
    x = torch.randn(1, channels[0], *size, generator=torch.Generator().manual_seed(seed))
    agree(stack, x, 1e-5, 1e-3, typical=0.025)


@pytest.mark.parametrize("channels", WIDTHS.values(), ids=list(WIDTHS))
def test_the_input_is_normalized(channels):
    plain = make(VGG[:5], channels[:3], [2, 4])
    stack = replace(plain, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    x = torch.rand(2, 3, 18, 21, generator=torch.Generator().manual_seed(1))
    agree(stack, x, 2e-6, 1e-4)
    agree(stack, x.contiguous(memory_format=torch.channels_last), 2e-6, 1e-4)
    assert not torch.allclose(conv_stack(stack)(x)[0], conv_stack(plain)(x)[0])
    with pytest.raises(RuntimeError, match="mean and std need 3 numbers each"):
        conv_stack(replace(plain, mean=(0.5,), std=(0.2,)))


def test_only_some_taps_have_a_gradient():
    stack = make(VGG[:8], WIDTHS["narrow, then loops"], [2, 5, 7])
    x = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    for wanted in ([0], [1], [0, 2]):
        gradients = []
        for module in (conv_stack(stack), ReferenceStack(stack)):
            leaf = x.clone().requires_grad_()
            outputs = module(leaf)
            gradients.append(torch.autograd.grad(sum(outputs[i].square().sum() for i in wanted), leaf)[0])
        close(gradients[0], gradients[1].double(), 1e-4)


def test_results_are_not_overwritten_by_the_next_evaluation():
    """Buffers are used again, but never while somebody holds them."""
    layers = conv_stack(make(VGG[:8], WIDTHS["narrow, then loops"], [2, 7]))
    images = [torch.randn(1, 3, 20, 24, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    held = [layers(image) for image in images]
    copies = [[tap.clone() for tap in taps] for taps in held]
    leaves = [image.clone().requires_grad_() for image in images]
    graphs = [layers(leaf) for leaf in leaves]
    gradients = [
        torch.autograd.grad(sum(t.square().sum() for t in taps), leaf)[0]
        for taps, leaf in zip(reversed(graphs), reversed(leaves), strict=True)
    ]
    for image in (torch.zeros(1, 3, 36, 8), torch.zeros(1, 3, 20, 24)):
        layers(image)
    assert all(
        torch.equal(a, b) for taps, copied in zip(held, copies, strict=True) for a, b in zip(taps, copied, strict=True)
    )
    for leaf, gradient in zip(reversed(leaves), gradients, strict=True):
        again = torch.autograd.grad(sum(t.square().sum() for t in layers(leaf)), leaf)[0]
        torch.testing.assert_close(gradient, again)


def test_a_tap_that_is_changed_in_place_harms_nothing():
    layers = conv_stack(make(VGG[:5], WIDTHS["narrow, then loops"][:3], [2, 4]))
    image = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    gradients = []
    for change in (lambda _: None, lambda tap: tap.mul_(-2), lambda tap: tap.detach().zero_()):
        leaf = image.clone().requires_grad_()
        first, last = layers(leaf)
        with torch.no_grad():
            change(first)
        gradients.append(torch.autograd.grad(last.sum(), leaf)[0])
    assert gradients[0].any()
    assert torch.equal(gradients[0], gradients[1])
    assert torch.equal(gradients[0], gradients[2])


def test_maps_are_let_go_of_after_the_backward_pass():
    layers = conv_stack(make(VGG[:5], WIDTHS["narrow, then loops"][:3], [4]))
    leaf = torch.randn(1, 3, 12, 12, requires_grad=True)
    loss = layers(leaf)[0].sum()
    (once,) = torch.autograd.grad(loss, leaf, retain_graph=True)
    (twice,) = torch.autograd.grad(loss, leaf)
    assert torch.equal(once, twice)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        torch.autograd.grad(loss, leaf)


def test_second_derivatives_are_refused():
    layers = conv_stack(make(VGG[:5], WIDTHS["narrow, then loops"][:3], [4]))
    leaf = torch.randn(1, 3, 12, 12, requires_grad=True)
    with pytest.raises(RuntimeError, match="first derivatives only; leave create_graph out"):
        torch.autograd.grad(layers(leaf)[0].sum(), leaf, create_graph=True)


def test_weights_are_read_once():
    for channels in ([3, 5], [3, 64], [64, 64]):
        stack = make(["conv"], channels, [0])
        layers, x = conv_stack(stack), torch.randn(1, channels[0], 9, 9, requires_grad=True)
        (before,) = layers(x)
        for tensor in (*stack.weights, *stack.biases):
            tensor.zero_()
        assert torch.equal(layers(x)[0], before)


def test_nan_is_not_hidden():
    layers = conv_stack(make(["conv", "relu", "max-pool"], [3, 32], [1, 2]))
    x = torch.randn(1, 3, 8, 8)
    x[0, 1, 3, 3] = float("nan")
    assert all(tap.isnan().any() for tap in layers(x))


def test_threads_change_nothing_but_rounding():
    layers = conv_stack(make(VGG, WIDTHS["narrow, then loops"], [9]))
    x = torch.randn(1, 3, 50, 70, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            leaf = x.clone().requires_grad_()
            (out,) = layers(leaf)
            results.append((out.detach(), torch.autograd.grad(out.sum(), leaf)[0]))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        close(one, two.double(), 1e-6)


@pytest.mark.parametrize(
    ("kinds", "channels", "taps", "message"),
    [
        (["conv"], [3, 4], [1], "there is no layer 1"),
        (["conv", "relu"], [3, 4], [1, 0], "taps must ascend"),
        (["conv", "conv"], [3, 4], [1], "every convolution needs a weight"),
    ],
)
def test_errors_say_what_is_wrong(kinds, channels, taps, message):
    with pytest.raises(RuntimeError, match=message):
        conv_stack(make(kinds, channels, taps))


def test_inputs_of_another_shape_are_errors():
    layers = conv_stack(make(["conv"], [3, 4], [0]))
    with pytest.raises(RuntimeError, match=r"must be \(B, 3, H, W\)"):
        layers(torch.zeros(1, 4, 5, 5))
    with pytest.raises(RuntimeError, match=r"must be \(B, 3, H, W\)"):
        layers(torch.zeros(3, 5, 5))
    other = ConvStack(("conv", "conv"), (torch.zeros(4, 3, 3, 3), torch.zeros(4, 5, 3, 3)), (torch.zeros(4),) * 2, (1,))
    with pytest.raises(RuntimeError, match="reads 5 channels, but there are 4"):
        conv_stack(other)


@pytest.mark.parametrize(("dtype", "limits"), [(torch.float32, (1e-4, 1e-4)), (torch.bfloat16, (0.02, 0.1))])
def test_projections_map_the_taps_and_nothing_that_follows(dtype, limits):
    plain = make(VGG, [3, 32, 32, 64, 64], [2, 7], dtype)
    generator = torch.Generator().manual_seed(5)
    weights = [torch.randn(k, c, 1, 1, generator=generator) / c**0.5 for k, c in ((32, 32), (48, 64))]
    projections = tuple((w.to(dtype), torch.linspace(-1, 1, len(w)).to(dtype)) for w in weights)
    x = torch.rand(1, 3, 20, 28, generator=generator)
    projected = replace(plain, projections=projections)
    pixels, leaf = (x.clone().requires_grad_() for _ in range(2))
    outputs = conv_stack(projected)(pixels)
    reference = ReferenceStack(plain)
    mapped = [
        torch.einsum("kc,bchw->bkhw", w[:, :, 0, 0], tap) + b[:, None, None]
        for tap, (w, b) in zip(reference(leaf), projections, strict=True)
    ]
    generator = torch.Generator().manual_seed(0)
    directions = [torch.randn(m.shape, generator=generator).to(m.dtype) for m in mapped]
    (wanted,) = torch.autograd.grad(mapped, leaf, directions)
    (gradient,) = torch.autograd.grad(outputs, pixels, directions)
    for found, expected in zip(outputs, mapped, strict=True):
        close(found.detach(), expected.detach().double(), limits[0])
    close(gradient, wanted.double(), limits[1])
    wrong = (torch.zeros(8, 16, 1, 1, dtype=dtype), torch.zeros(8, dtype=dtype))
    with pytest.raises(RuntimeError, match="projection 1 reads 16 channels, but tap 1 has 64"):
        conv_stack(replace(projected, projections=(projections[0], wrong)))
