"""The Gram distance over an octave pyramid.

A Gram matrix at the full size sees no farther than the receptive fields reach. Pictures that agree with a painting
there, but have none of its large forms, are told apart when both are made smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from nst_core.experiments.metrics.moments import Moments, relative_gram_distance

__all__ = ["octaves", "pyramid_distance"]

Size = tuple[int, int]
FACTORS = (1, 2, 4)
LEAST_POSITIONS = 4
"""Positions at the deepest layer, along the shorter side, that an octave below the full size needs."""


def octaves(
    size: tuple[int, int], other: tuple[int, int], stride: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the sizes to compare two images at: full, half and quarter size, as far as they are large enough.

    Args:
        size: height and width of the picture.
        other: height and width of the style image.
        stride: of the deepest layer.

    Returns:
        Height and width of both in each octave, from large to small; the full size is always there.
    """
    sizes = [(_divided(size, factor), _divided(other, factor)) for factor in FACTORS]
    return [sizes[0], *(pair for pair in sizes[1:] if min(*pair[0], *pair[1]) >= LEAST_POSITIONS * stride)]


def _divided(size: Size, factor: int) -> Size:
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))


def pyramid_distance(picture: Sequence[Mapping[str, Moments]], style: Sequence[Mapping[str, Moments]]) -> float:
    """Return the mean over octaves and layers of ‖A - A_S‖² / ‖A_S‖², at least 0; 0 means equal Gram matrices.

    Args:
        picture: the moments by layer, in each octave.
        style: those of the style image, which was made smaller along with the picture.
    """
    return fmean(
        relative_gram_distance(own[layer], aim[layer]) ** 2
        for own, aim in zip(picture, style, strict=True)
        for layer in aim
    )
