"""The native Gram operator against its reference, float64 and autograd's own checks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core.ops import gram, gram_reference, native
from nst_core.ops.gram import gram_by_rows
from tests.compiled_forms import check_compiled_forms

pytestmark = pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")

# Channels that fit the loops of every instruction set, that fit none, and that fit neither blocks nor vectors.
CHANNELS = [1, 3, 31, 32, 64, 96, 129, 160]
SIZES = [(1, 1), (1, 7), (13, 5), (40, 33)]
LAYOUTS = ["nchw", "channels-last", "view", "expanded"]


def feature(batch: int, channels: int, size: tuple[int, int], dtype: torch.dtype, layout: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(channels)
    height, width = size
    if layout == "view":
        x = torch.randn(batch, channels + 2, height + 1, 2 * width, generator=generator).to(dtype)
        return x[:, 1:-1, 1:, ::2]
    if layout == "expanded":
        return torch.randn(1, channels, height, width, generator=generator).to(dtype).expand(batch, -1, -1, -1)
    x = torch.randn(batch, channels, height, width, generator=generator).to(dtype)
    return x.contiguous(memory_format=torch.channels_last) if layout == "channels-last" else x


def exact(x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    return gram_reference(x.double(), None if weight is None else weight.double())


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm().clamp_min(1e-30))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", CHANNELS)
def test_parity(channels, size, layout, dtype):
    x = feature(2, channels, size, dtype, layout)
    weight = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(1))
    for w in (None, weight):
        found = torch.ops.nst.gram(x, w)
        assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert torch.equal(found, found.transpose(1, 2))
        # A weighted bfloat16 feature may be rounded once more.
        limit = {torch.float32: 1e-6, torch.float64: 1e-14, torch.bfloat16: 1e-3 if w is None else 3e-3}[dtype]
        assert distance(found, exact(x, w)) < limit


@pytest.mark.parametrize("positions", [4096, 40_000])
def test_rounding_of_bfloat16_does_not_build_up(positions):
    x = torch.rand(1, 64, 1, positions, generator=torch.Generator().manual_seed(0)).bfloat16()
    for layout in (torch.contiguous_format, torch.channels_last):
        assert distance(torch.ops.nst.gram(x.contiguous(memory_format=layout)), exact(x)) < 1e-3


@pytest.mark.parametrize("channels", [3, 32, 64, 130])
@pytest.mark.parametrize("layout", LAYOUTS[:3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_are_those_of_the_reference(channels, layout, dtype):
    x = feature(2, channels, (9, 11), dtype, layout).detach()
    weight = torch.rand(2, 1, 9, 11, generator=torch.Generator().manual_seed(1))
    direction = torch.randn(2, channels, channels, generator=torch.Generator().manual_seed(2))
    for w in (None, weight):
        a, b = x.clone().requires_grad_(), x.double().requires_grad_()
        (found,) = torch.autograd.grad(torch.ops.nst.gram(a, w), a, direction)
        (expected,) = torch.autograd.grad(exact(b, w), b, direction.double())
        assert found.dtype == dtype
        assert distance(found, expected) < (1e-6 if dtype == torch.float32 else 1e-2)


def test_gradcheck():
    x = torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(2, 1, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(torch.ops.nst.gram, (x,))
    assert torch.autograd.gradcheck(torch.ops.nst.gram, (x, weight))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # of torch's own check
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck(dtype):
    x = torch.randn(2, 32, 3, 4).to(dtype).requires_grad_()
    for arguments in ((x,), (x, torch.rand(2, 1, 3, 4))):
        torch.library.opcheck(torch.ops.nst.gram.default, arguments)


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4), (2, 3, 0, 4)])
def test_empty_maps(shape):
    x = torch.zeros(shape, requires_grad=True)
    found = torch.ops.nst.gram(x)
    assert found.shape == (shape[0], shape[1], shape[1])
    assert not found.any()
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert gradient.shape == shape


def test_threads_change_nothing_but_rounding():
    for dtype, limit in ((torch.float32, 1e-6), (torch.bfloat16, 1e-3)):
        x = feature(1, 64, (50, 70), dtype, "channels-last")
        before = torch.get_num_threads()
        try:
            results = []
            for threads in (1, 2):
                torch.set_num_threads(threads)
                results.append(torch.ops.nst.gram(x))
        finally:
            torch.set_num_threads(before)
        assert distance(results[0], results[1].double()) < limit


def test_errors_say_what_is_wrong():
    x = torch.zeros(1, 3, 4, 4)
    with pytest.raises(RuntimeError, match=r"must have the shape \(B, N, H, W\), not \[3, 4, 4\]"):
        torch.ops.nst.gram(x[0])
    with pytest.raises(RuntimeError, match="must be float32, float64 or bfloat16, not Int"):
        torch.ops.nst.gram(x.int())
    with pytest.raises(RuntimeError, match=r"weight must have the shape \(B, 1, H, W\)"):
        torch.ops.nst.gram(x, torch.ones(1, 3, 4, 4))
    with pytest.raises(RuntimeError, match=r"must be \(1, 3, 3\), not \[1, 2, 2\]"):
        torch.ops.nst.gram_backward(torch.zeros(1, 2, 2), x)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_module_has_the_kernel_without_a_graph(layout):
    x = torch.randn(1, 32, 5, 6).contiguous(memory_format=layout).requires_grad_()
    found = native().module.gram(x)
    assert not found.requires_grad
    torch.testing.assert_close(found, torch.ops.nst.gram(x).detach())


def test_it_works_in_compiled_forms(tmp_path):
    def style(x: torch.Tensor) -> torch.Tensor:
        return torch.ops.nst.gram(x, None).square().sum()

    check_compiled_forms(style, (torch.randn(1, 8, 5, 6),), tmp_path)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    channels=st.integers(1, 70),
    height=st.integers(1, 12),
    width=st.integers(2, 12),
    weighted=st.booleans(),
)
def test_sums_over_parts(seed, channels, height, width, weighted):
    """The statistic of a map is the sum of those of its parts, whatever the kernel."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, channels, height, width, generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(1, 1, height, width, generator=generator) if weighted else None
    cut = width // 2
    parts = [gram(x[..., s], None if weight is None else weight[..., s]) for s in (slice(0, cut), slice(cut, None))]
    torch.testing.assert_close(parts[0] + parts[1], gram(x, weight), rtol=1e-5, atol=1e-5)


# In blocks of positions, as on CUDA; here on the CPU


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(1, 1), (13, 5), (64, 64), (70, 150)], ids=str)
def test_blocks_of_positions_give_the_same(size, layout):
    x = feature(2, 5, size, torch.float64, layout).detach().requires_grad_()
    weight = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    direction = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for w in (None, weight):
        found, expected = gram_by_rows(x, w), gram_reference(x, w)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        for value in (found, expected):
            assert value.dtype == torch.float64
        slopes = [torch.autograd.grad(value, x, direction)[0] for value in (found, expected)]
        torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)


def test_gradcheck_of_blocks():
    x = torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gram_by_rows, (x,))
    assert torch.autograd.gradcheck(gram_by_rows, (x, torch.rand(2, 1, 2, 4, dtype=torch.float64)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_blocks_keep_layout_and_dtype(dtype):
    x = feature(1, 8, (70, 80), dtype, "channels-last").requires_grad_()
    found = gram_by_rows(x)
    assert found.dtype == torch.float32
    (slope,) = torch.autograd.grad(found.sum(), x)
    assert slope.dtype == dtype
    assert slope.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA device needed")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cuda(dtype):
    x = feature(2, 64, (70, 80), dtype, "channels-last").cuda().requires_grad_()
    found = gram(x)
    assert distance(found.cpu(), exact(x.detach().cpu())) < 1e-5
    (slope,) = torch.autograd.grad(found.sum(), x)
    assert slope.dtype == dtype
