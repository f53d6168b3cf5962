"""Checks of tensors, and what they say."""

from __future__ import annotations

import pytest
import torch
from toy_weights import SHAPES, TOY, tensors

from nst_core import WeightsError
from nst_core.weights.checks import check_finite, check_layer_rms, check_shapes


def test_valid_tensors_pass_and_others_are_ignored():
    check_shapes({**SHAPES, "classifier.weight": (1,)}, TOY, "w.pth")
    check_finite(tensors(), "w.pth")
    check_layer_rms({"one": 0.1, "two": 20.0}, TOY, "w.pth")


def test_missing_and_different_tensors_are_listed():
    shapes = {key: shape for key, shape in SHAPES.items() if key != "features.0.bias"} | {"features.2.bias": (6,)}
    with pytest.raises(WeightsError) as caught:
        check_shapes(shapes, TOY, "w.pth")
    assert str(caught.value) == (
        "w.pth is of another architecture: of the 4 tensors of toy, 1 is missing (features.0.bias) and "
        "1 is of another shape (features.2.bias is 6 instead of 5)"
    )


def test_few_missing_tensors_make_a_file_incomplete():
    shapes = {key: shape for key, shape in SHAPES.items() if key != "features.0.bias"}
    with pytest.raises(WeightsError, match=r"w\.pth is incomplete"):
        check_shapes(shapes, TOY, "w.pth")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.tensor([1, 2]), "tensor b is int64; weights must be floating-point"),
        (torch.tensor([1.0, torch.inf]), "tensor b contains NaN or infinity"),
    ],
)
def test_values_that_are_no_weights_are_named(value, message):
    with pytest.raises(WeightsError, match=message):
        check_finite({"a": torch.ones(2), "b": value}, "w.pth")


@pytest.mark.parametrize("rms", [0.0, -1.0, float("nan"), float("inf")])
def test_an_rms_must_be_positive_and_finite(rms):
    with pytest.raises(WeightsError, match="not positive and finite: two"):
        check_layer_rms({"one": 1.0, "two": rms}, TOY, "w.pth")
