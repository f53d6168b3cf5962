"""Samples that are not 8-bit: which value of them is white, and how they become 8-bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["SampleFormat", "to_eight_bits", "white_level"]

# White of 8, 10, 12 and 16 bits: samples of such depths are often stored in larger ones without being scaled.
_USUAL = (255.0, 1023.0, 4095.0, 65535.0)
# An image that stays below white by this factor would be black; one that exceeds it by less has highlights.
_FACTOR = 16.0


@dataclass(frozen=True)
class SampleFormat:
    """How the samples of an image are stored.

    Attributes:
        kind: of the numbers.
        bits: of each.
        inverted: whether zero is white.
        declared: the greatest value that the file says its samples may have; 0 where it says nothing.
    """

    kind: Literal["unsigned", "signed", "float"]
    bits: int
    inverted: bool = False
    declared: float = 0.0

    @property
    def greatest(self) -> float:
        """Greatest value of the format; 1 for floating-point numbers."""
        return 1.0 if self.kind == "float" else 2.0 ** (self.bits - (self.kind == "signed")) - 1.0

    def __str__(self) -> str:
        return f"{self.bits}-bit floating-point" if self.kind == "float" else f"{self.kind} {self.bits}-bit integer"


def white_level(greatest: float, form: SampleFormat) -> float:
    """Return the value that is white in an image.

    In integers it is the greatest value of the format, with two exceptions. Where the file declares the greatest value
    of its samples, they have as many bits as that value needs. Where no value reaches a sixteenth of the format's
    greatest, the image would be black: its samples have fewer bits than the format, and white is the smallest of 255,
    1023, 4095 and 65535 (8, 10, 12 and 16 bits) that no value exceeds, or else the greatest value.

    In floating-point numbers it is 1 where no value reaches 16, since what exceeds 1 are highlights; else the smallest
    of 255, 1023, 4095 and 65535 that no value exceeds, or else the greatest value.

    Args:
        greatest: the greatest finite value of the image.
        form: its format.
    """
    if form.kind == "float":
        return 1.0 if greatest < _FACTOR else next((v for v in _USUAL if greatest <= v), greatest)
    if form.declared >= max(greatest, 1.0):
        return min(2.0 ** int(form.declared).bit_length() - 1.0, form.greatest)
    if form.bits <= 8 or greatest >= (form.greatest + 1.0) / _FACTOR:
        return form.greatest
    return next((v for v in _USUAL if greatest <= v), greatest)


def to_eight_bits(samples: np.ndarray[Any, Any], form: SampleFormat, *, colours: int) -> np.ndarray[Any, Any]:
    """Scale samples to 0 to 255.

    Values below zero become 0, values above white 255, and NaN 0.

    Args:
        samples: ``(H, W)`` or ``(H, W, C)``.
        form: what they are.
        colours: how many of the channels are colours; others, such as alpha, have the format's own range.

    Returns:
        uint8 of the same shape.
    """
    channels = samples if samples.ndim == 3 else samples[..., None]
    greatest = _greatest_finite(channels[..., :colours])
    with np.errstate(all="ignore"):  # of values that are no numbers or too large, which are dealt with
        return _scaled(channels, form, white_level(greatest, form), colours).reshape(samples.shape)


def _scaled(channels: np.ndarray[Any, Any], form: SampleFormat, white: float, colours: int) -> np.ndarray[Any, Any]:
    scaled = np.empty(channels.shape, np.uint8)
    for channel in range(channels.shape[-1]):
        colour = channel < colours
        # One channel at a time: in double precision all of them together take eight times the memory of the result.
        values = channels[..., channel].astype(np.float64)
        values /= white if colour else form.greatest
        np.nan_to_num(values, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
        np.clip(values, 0.0, 1.0, out=values)
        if form.inverted and colour:
            np.subtract(1.0, values, out=values)
        values *= 255.0
        scaled[..., channel] = np.rint(values, out=values)
    return scaled


def _greatest_finite(samples: np.ndarray[Any, Any]) -> float:
    if samples.dtype.kind == "f":
        return float(np.max(samples, initial=0.0, where=np.isfinite(samples)))
    return float(samples.max(initial=0))
