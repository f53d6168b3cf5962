"""Kernels that compute something else than their references are found out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nst_core.ops import ReferenceStack, conv_stack, gram, gram_reference
from nst_core.ops.parity import convolutions_fault, gram_fault


def test_what_runs_here_is_right():
    assert gram_fault(gram) == ""
    assert convolutions_fault(conv_stack) == ""


def test_it_is_asked_where_gradients_are_off_too():
    with torch.no_grad():
        assert convolutions_fault(ReferenceStack) == ""


def test_a_wrong_gram_matrix_is_found():
    assert gram_fault(lambda x: gram_reference(x) * (1 + 1e-3)) == "the kernel is off by 0.001"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_wrong_gradient_is_found_in_either_precision(dtype):
    class Wrong(ReferenceStack):
        def forward(self, x):
            (out,) = super().forward(x)
            return [out * 1.1 if out.dtype == dtype else out]

    assert convolutions_fault(Wrong).startswith("the kernels are off by")
    assert convolutions_fault(Wrong).endswith(f"in {dtype}")


def test_numbers_that_are_none_are_found():
    class Broken(nn.Module):
        def __init__(self, stack) -> None:
            super().__init__()

        def forward(self, x):
            return [x * float("nan")]

    assert "off by nan" in convolutions_fault(Broken)
