"""Preprocessing: its text in the metadata, and Caffe's form of it."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nst_core import WeightsError
from nst_core.weights import CAFFE, TORCHVISION, Preprocessing
from nst_core.weights.preprocessing import fold_caffe_preprocessing

numbers = st.floats(-1e6, 1e6, allow_nan=False)
positive = st.floats(1e-6, 1e6)


@given(st.tuples(numbers, numbers, numbers), st.tuples(positive, positive, positive))
def test_the_text_is_read_back_exactly(mean, std):
    preprocessing = Preprocessing(mean, std)
    assert Preprocessing.parse(str(preprocessing)) == preprocessing


def test_the_text_of_well_known_ones_is_stable():
    """It is in the metadata of files."""
    assert str(TORCHVISION) == "RGB in [0,1], normalised with mean 0.485,0.456,0.406 and std 0.229,0.224,0.225"
    assert Preprocessing.parse(str(TORCHVISION).replace("normalised", "normalized")) == TORCHVISION


@pytest.mark.parametrize("text", ["", "RGB", "RGB in [0,1], normalised with mean 1,2 and std 1,1,1"])
def test_other_texts_are_refused(text):
    with pytest.raises(WeightsError, match=r"invalid preprocessing.*write 'RGB in"):
        Preprocessing.parse(text)


@pytest.mark.parametrize(
    ("mean", "std"), [((math.nan, 0, 0), (1, 1, 1)), ((0, 0, 0), (1, 0, 1)), ((0, 0, 0), (1, 1, -1))]
)
def test_values_that_are_not_valid_are_refused(mean, std):
    with pytest.raises(WeightsError, match="std finite and positive"):
        Preprocessing(mean, std)


def test_a_folded_kernel_computes_what_caffe_computes():
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(4, 3, 3, 3, generator=generator, dtype=torch.float64)
    image = torch.rand(1, 3, 6, 5, generator=generator, dtype=torch.float64)
    bgr = image.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64).reshape(1, 3, 1, 1)
    rgb = image - torch.tensor(CAFFE.mean, dtype=torch.float64).reshape(1, 3, 1, 1)
    expected, found = F.conv2d(bgr, kernel, padding=1), F.conv2d(rgb, fold_caffe_preprocessing(kernel), padding=1)
    torch.testing.assert_close(found, expected)
