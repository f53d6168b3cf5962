"""White is where the samples of an image say it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nst_core.images.depth import SampleFormat, to_eight_bits, white_level


@pytest.mark.parametrize(
    ("kind", "bits", "greatest", "white"),
    [
        ("unsigned", 16, 65535, 65535),
        ("unsigned", 16, 4096, 65535),
        ("unsigned", 16, 4095, 4095),
        ("unsigned", 16, 1023, 1023),
        ("unsigned", 16, 200, 255),
        ("unsigned", 12, 4000, 4095),
        ("signed", 16, 32767, 32767),
        ("signed", 16, 2000, 4095),
        ("signed", 8, 3, 127),
        ("unsigned", 32, 4e9, 2**32 - 1),
        ("unsigned", 32, 2**28, 2**32 - 1),
        ("unsigned", 32, 2**28 - 1, 2**28 - 1),
        ("unsigned", 32, 60_000, 65535),
        ("signed", 32, 2e9, 2**31 - 1),
        ("float", 32, 0.2, 1),
        ("float", 32, 1.0, 1),
        ("float", 32, 15.9, 1),
        ("float", 32, 200, 255),
        ("float", 64, 65535, 65535),
        ("float", 64, 1e9, 1e9),
    ],
)
def test_white(kind, bits, greatest, white):
    assert white_level(greatest, SampleFormat(kind, bits)) == white


@pytest.mark.parametrize(
    ("declared", "greatest", "white"),
    [(16383, 9000, 16383), (3210, 3000, 4095), (65535, 200, 65535), (255, 9000, 65535), (1e9, 9000, 65535)],
)
def test_the_greatest_sample_that_a_file_declares_gives_the_bits(declared, greatest, white):
    assert white_level(greatest, SampleFormat("unsigned", 16, declared=declared)) == white


def test_samples_become_eight_bits():
    form = SampleFormat("float", 32)
    values = np.array([[-1.0, 0.5, 2.0, math.nan, math.inf, -math.inf]], np.float32)
    assert to_eight_bits(values, form, colours=1).tolist() == [[0, 128, 255, 0, 255, 0]]
    inverted = SampleFormat("unsigned", 16, inverted=True)
    assert to_eight_bits(np.array([[0, 65535]], np.uint16), inverted, colours=1).tolist() == [[255, 0]]


def test_values_that_are_no_numbers_make_no_noise():
    """A signalling NaN, a value that overflows, and a range that does."""
    values = np.frombuffer(b"\x01\0\x80\x7f" + np.array([3e38, -3e38], np.float32).tobytes(), np.float32)[None]
    assert to_eight_bits(values, SampleFormat("float", 32), colours=1).tolist() == [[0, 255, 0]]
    values = np.array([[1.7e308, -1.7e308, math.nan]])
    assert to_eight_bits(values, SampleFormat("float", 64), colours=1).tolist() == [[255, 0, 0]]


def test_alpha_has_the_range_of_the_format():
    values = np.array([[[4095, 2048, 0, 65535], [0, 0, 0, 0]]], np.uint16)
    form = SampleFormat("unsigned", 16)
    assert to_eight_bits(values, form, colours=3).tolist() == [[[255, 128, 0, 255], [0, 0, 0, 0]]]


def test_formats_have_names():
    assert str(SampleFormat("float", 32)) == "32-bit floating-point"
    assert str(SampleFormat("unsigned", 12)) == "unsigned 12-bit integer"
