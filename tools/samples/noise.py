"""Fractal noise, the stuff of clouds, hills and foliage."""

from __future__ import annotations

import numpy as np
from PIL import Image

__all__ = ["Array", "fractal", "resized", "smoothstep"]

Array = np.ndarray


def resized(values: Array, height: int, width: int) -> Array:
    """Resize a map of floats, bicubic."""
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def fractal(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    first: int = 3,
    octaves: int = 7,
    gain: float = 0.5,
    stretch: float = 1.0,
) -> Array:
    """Sum noise of doubling frequency and falling amplitude; mean zero, standard deviation one.

    Args:
        rng: source of randomness.
        height: of the map, in pixels.
        width: of the map, in pixels.
        first: cells across in the first octave.
        octaves: how many.
        gain: amplitude of an octave relative to the one before.
        stretch: how many times longer than high the cells are.
    """
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        across = first * 2**octave
        down = max(2, round(across * stretch * height / width))
        if across > width:
            break
        total += gain**octave * resized(rng.standard_normal((down + 1, across + 1)), height, width)
    return (total - total.mean()) / total.std()


def smoothstep(values: Array, low: float, high: float) -> Array:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
