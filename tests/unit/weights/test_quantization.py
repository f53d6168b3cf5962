"""Kernels in 8 bits: what rounding costs, what is exact, and files that hold them."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_weights import SHAPES, TOY, same_tensors, tensors

from nst_core import WeightsError
from nst_core.weights import TORCHVISION, find, import_file, verify
from nst_core.weights.files import content_digest, write_safetensors
from nst_core.weights.quantization import dequantize, dequantize_all, quantize

KEY = "features.2.weight"

seeds = st.integers(0, 2**16)
blocks = st.tuples(*(st.sampled_from([b for b in range(1, n + 1) if n % b == 0]) for n in (6, 8, 3, 3)))


def kernel(seed: int) -> torch.Tensor:
    return torch.randn(6, 8, 3, 3, generator=torch.Generator().manual_seed(seed))


def spread(scales: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The scale of every weight, by repetition."""
    for dim, size in enumerate(shape):
        scales = scales.repeat_interleave(size // scales.shape[dim], dim)
    return scales


@settings(max_examples=30, deadline=None)
@given(seeds, blocks)
def test_every_weight_is_off_by_half_a_scale_unless_it_is_clipped(seed, shape):
    weights = kernel(seed)
    quantized, scales = quantize(weights, shape)
    assert (quantized.dtype, scales.dtype, scales.shape) == (torch.int8, torch.float32, shape)
    scale = spread(scales, weights.shape)
    found = dequantize(quantized, scales)
    torch.testing.assert_close(found, quantized * scale)
    within = quantized.abs() < 127
    assert ((found - weights).abs() <= scale * 0.5001)[within].all()


@settings(max_examples=30, deadline=None)
@given(seeds, blocks)
def test_clipping_is_never_worse_than_the_scale_that_holds_everything(seed, shape):
    weights = kernel(seed)
    errors = [
        float((dequantize(*quantize(weights, shape, levels)) - weights).square().sum())
        for levels in (range(64, 191), (127,))
    ]
    assert errors[0] <= errors[1] * 1.0001


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(1e-6, 1e3), st.integers(1, 64))
def test_multiples_of_a_number_are_exact(seed, step, most):
    numbers = torch.randint(-most, most + 1, (4, 8, 3, 3), generator=torch.Generator().manual_seed(seed))
    weights = numbers * step
    torch.testing.assert_close(dequantize(*quantize(weights, (4, 1, 1, 1))), weights, rtol=1e-5, atol=0.0)


@settings(max_examples=30, deadline=None)
@given(seeds, blocks)
def test_scales_follow_the_scale_of_the_weights(seed, shape):
    weights = kernel(seed)
    (quantized, scales), (same, doubled) = quantize(weights, shape), quantize(weights * 2, shape)
    assert torch.equal(quantized, same)
    assert torch.equal(scales * 2, doubled)


def test_zeros_stay_zeros():
    quantized, scales = quantize(torch.zeros(2, 4, 1, 1), (2, 2, 1, 1))
    assert not quantized.any()
    assert not scales.any()


@pytest.mark.parametrize("shape", [(4, 1, 1), (4, 1, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1, 1)])
def test_blocks_that_do_not_divide_the_weights_are_refused(shape):
    with pytest.raises(WeightsError, match="a size that divides that of the tensor"):
        quantize(kernel(0), shape)
    with pytest.raises(WeightsError, match="a size that divides that of the tensor"):
        dequantize(torch.ones(6, 8, 3, 3, dtype=torch.int8), torch.ones(shape))


def test_tensors_without_scales_are_left_alone():
    others = {"a": torch.ones(2), "a.scale": torch.ones(2), "whole": torch.ones(2, dtype=torch.int8)}
    assert same_tensors(dequantize_all(others, "it"), others)


def eight_bits(path, **changes):
    """A weight set of the toy network with a kernel in 8 bits; ``changes`` replace its tensors."""
    quantized, scales = quantize(tensors()[KEY], (5, 2, 1, 1))
    content = {**tensors(), KEY: quantized, f"{KEY}.scale": scales, **changes}
    metadata = {"architecture": "toy", "input": str(TORCHVISION), "layer_rms": json.dumps({"one": 1.0, "two": 2.0})}
    metadata["digest"] = content_digest(content, metadata)
    write_safetensors(path, content, metadata)
    return path


def test_a_weight_set_gives_weights_in_float32(tmp_path):
    path = eight_bits(tmp_path / "small.safetensors")
    for weight_set in (find(str(path), TOY), verify(str(path), {"toy": TOY})):
        found = weight_set.tensors()
        assert {key: tuple(t.shape) for key, t in found.items()} == SHAPES
        assert {t.dtype for t in found.values()} == {torch.float32}
        exact = tensors()[KEY]
        assert 0 < (found[KEY] - exact).norm() < 0.01 * exact.norm()


def test_it_is_imported_in_float32_with_the_same_numbers(tmp_path):
    path = eight_bits(tmp_path / "small.safetensors")
    made = import_file(path, TOY, "mine")
    assert same_tensors(made.tensors(), find(str(path), TOY).tensors())
    assert made.layer_rms == {"one": 1.0, "two": 2.0}


def test_a_changed_scale_is_noticed(tmp_path):
    path = eight_bits(tmp_path / "small.safetensors")
    original = find(str(path), TOY)
    changed = find(str(eight_bits(path, **{f"{KEY}.scale": torch.ones(5, 2, 1, 1)})), TOY)
    assert changed.digest != original.digest


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        (torch.ones(5, 3, 1, 1), r"features\.2\.weight of shape \[5, 4, 3, 3\] cannot have scales of shape"),
        (torch.ones(5), "cannot have scales of shape"),
        (torch.ones(5, 1, 1, 1, dtype=torch.int32), "the scales of tensor .* must be floating-point"),
        (torch.full((5, 1, 1, 1), torch.inf), "contains NaN or infinity"),
    ],
)
def test_scales_that_do_not_fit_are_explained(tmp_path, scales, message):
    path = eight_bits(tmp_path / "small.safetensors", **{f"{KEY}.scale": scales})
    for read in (lambda: find(str(path), TOY).tensors(), lambda: verify(str(path)), lambda: import_file(path, TOY)):
        with pytest.raises(WeightsError, match=message):
            read()


def test_whole_numbers_without_scales_are_no_weights(tmp_path):
    content = {**tensors(), KEY: tensors()[KEY].to(torch.int8)}
    metadata = {"architecture": "toy", "input": str(TORCHVISION), "layer_rms": json.dumps({"one": 1.0, "two": 2.0})}
    write_safetensors(tmp_path / "w.safetensors", content, metadata)
    with pytest.raises(WeightsError, match="weights must be floating-point"):
        find(str(tmp_path / "w.safetensors"), TOY).tensors()
