"""The native sum of squared differences against its reference, float64 and autograd's own checks."""

from __future__ import annotations

import pytest
import torch

from nst_core.ops import native, squared_error, squared_error_reference
from tests.compiled_forms import check_compiled_forms

needs_native = pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")

SHAPES = [(1, 1, 1, 1), (2, 3, 5, 7), (1, 64, 33, 31), (3, 130, 9, 1)]
LAYOUTS = ["nchw", "channels-last", "mixed", "view"]


def maps(shape: tuple[int, ...], dtype: torch.dtype, layout: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(shape[1])
    if layout == "view":
        wide = torch.randn(2, *shape[:3], 2 * shape[3], generator=generator).to(dtype)[..., ::2]
        return wide[0], wide[1]
    feature, target = torch.randn(2, *shape, generator=generator).to(dtype)
    if layout != "nchw":
        feature = feature.contiguous(memory_format=torch.channels_last)
    if layout == "channels-last":
        target = target.contiguous(memory_format=torch.channels_last)
    return feature, target


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parity(shape, layout, dtype):
    feature, target = maps(shape, dtype, layout)
    found = torch.ops.nst.squared_error(feature, target)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    # The inputs are what they are: rounding them to bfloat16 is not the kernel's.
    torch.testing.assert_close(
        found.double(), squared_error_reference(feature.double(), target.double()), rtol=1e-6, atol=0
    )


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_are_those_of_the_reference(layout, dtype):
    feature, target = (x.detach().requires_grad_() for x in maps((2, 33, 6, 5), dtype, layout))
    found = torch.autograd.grad(3 * torch.ops.nst.squared_error(feature, target), (feature, target))
    a, b = (x.detach().double().requires_grad_() for x in (feature, target))
    expected = torch.autograd.grad(3 * squared_error_reference(a, b), (a, b))
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == dtype
        torch.testing.assert_close(x.double(), y, rtol=1e-6 if dtype == torch.float32 else 1e-2, atol=1e-6)


@needs_native
def test_long_sums_stay_exact():
    """A plain float32 sum of so many equal numbers would be off by far more."""
    feature = torch.full((1, 1, 3000, 3000), 1.1)
    expected = (feature[0, 0, 0, 0].double() - 0.1) ** 2 * feature.numel()
    found = torch.ops.nst.squared_error(feature, torch.full_like(feature, 0.1))
    assert abs(float(found / expected) - 1) < 1e-6


@needs_native
def test_gradcheck():
    feature, target = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(torch.ops.nst.squared_error, (feature, target))


@needs_native
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # of torch's own check
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck(dtype):
    feature, target = torch.randn(2, 2, 3, 4, 5).to(dtype)
    torch.library.opcheck(torch.ops.nst.squared_error.default, (feature.requires_grad_(), target))


@needs_native
def test_empty_maps():
    feature = torch.zeros(2, 0, 4, 4, requires_grad=True)
    found = torch.ops.nst.squared_error(feature, torch.zeros(2, 0, 4, 4))
    assert found.item() == 0
    assert torch.autograd.grad(found, feature)[0].shape == feature.shape


@needs_native
def test_threads_change_nothing():
    feature, target = maps((1, 64, 50, 70), torch.float32, "channels-last")
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(torch.ops.nst.squared_error(feature, target).item())
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1]


def test_errors_say_what_is_wrong():
    feature = torch.zeros(1, 3, 4, 4)
    with pytest.raises(RuntimeError, match="must have the same shape"):
        squared_error(feature, feature[:, :2])
    with pytest.raises(RuntimeError, match=r"must have the same .*dtype"):
        squared_error(feature, feature.double())
    if native().module is not None:
        with pytest.raises(RuntimeError, match="must be float32, float64 or bfloat16, not Int"):
            squared_error(feature.int(), feature.int())


@needs_native
def test_it_works_in_compiled_forms(tmp_path):
    def loss(feature: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return torch.ops.nst.squared_error(feature, target)

    check_compiled_forms(loss, maps((1, 8, 5, 6), torch.float32, "nchw"), tmp_path)


@needs_native
def test_nan_is_not_lost():
    feature = torch.zeros(1, 3, 4, 4)
    feature[0, 1, 2, 3] = torch.nan
    assert torch.ops.nst.squared_error(feature, torch.zeros_like(feature)).isnan()
