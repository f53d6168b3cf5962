"""Clips made of one picture, whose motion is known: what flow and occlusion really are at every pixel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

__all__ = ["CLIPS", "Clip", "make_clip"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Clip:
    """Frames and the truth about them.

    Attributes:
        name: of the kind of motion.
        frames: ``(H, W, 3)`` uint8.
        flows: of every frame but the first, from it to the one before: ``(H, W, 2)`` in pixels, x and y.
        visible: of every frame but the first, ``(H, W)``: whether the frame before shows what is at a pixel.
        cuts: numbers of the frames, from 0, that begin a scene; 0 is not among them.
    """

    name: str
    frames: Sequence[Array] = field(repr=False)
    flows: Sequence[Array] = field(repr=False)
    visible: Sequence[Array] = field(repr=False)
    cuts: tuple[int, ...] = ()


Affine = Array  # (2, 3): from a position in the frame to one in the picture

_LARGEST = 1.4  # times the size of the frames
_STEP = 3.0  # pixels a frame of the fastest thing in a frame of 512 pixels


def make_clip(name: str, picture: Array, size: tuple[int, int] = (288, 512), length: int = 12, seed: int = 0) -> Clip:
    """Make a clip.

    Args:
        name: one of :data:`CLIPS`.
        picture: ``(H', W', 3)`` uint8, best larger than the frames.
        size: height and width of the frames.
        length: number of frames.
        seed: of the noise, where there is any.
    """
    return CLIPS[name](name, _fitting(picture, size), size, length, np.random.default_rng(seed))


def _fitting(picture: Array, size: tuple[int, int]) -> Array:
    """Make a picture smaller that is much larger than the frames: sampling it would alias."""
    ratio = _LARGEST * max(size[0] / picture.shape[0], size[1] / picture.shape[1])
    if ratio >= 1:
        return picture
    shape = (round(picture.shape[1] * ratio), round(picture.shape[0] * ratio))
    found: Array = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
    return found


def _rendered(picture: Array, place: Affine, size: tuple[int, int]) -> Array:
    """Return what a frame shows of a picture."""
    found: Array = cv2.warpAffine(
        picture, place, size[::-1], flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    return found


def _grid(size: tuple[int, int]) -> Array:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.stack([columns, rows], -1).astype(np.float64)


def _applied(place: Affine, points: Array) -> Array:
    found: Array = points @ place[:, :2].T + place[:, 2]
    return found


def _inverse(place: Affine) -> Affine:
    linear = np.linalg.inv(place[:, :2])
    return np.concatenate([linear, (-linear @ place[:, 2])[:, None]], 1)


def _flow(now: Affine, before: Affine, size: tuple[int, int]) -> tuple[Array, Array]:
    """Return the flow from a frame to the one before, and where that lies inside."""
    points = _grid(size)
    there = _applied(_inverse(before), _applied(now, points))
    inside = ((there >= 0) & (there <= np.array([size[1] - 1, size[0] - 1]))).all(-1)
    return (there - points).astype(np.float32), np.asarray(inside)


def _around(size: tuple[int, int], picture: Array, angle: float, scale: float, shift: tuple[float, float]) -> Affine:
    """Return a turn and a scale about the middle of the frame, and a shift in pixels of the frame."""
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = np.array([size[1], size[0]]) / 2
    center = np.array([picture.shape[1], picture.shape[0]]) / 2
    return np.concatenate([linear, (center - linear @ (middle - np.array(shift)))[:, None]], 1)


def _whole(name: str, picture: Array, size: tuple[int, int], places: Sequence[Affine]) -> Clip:
    """Return a clip in which everything moves as one."""
    pairs = [_flow(now, before, size) for before, now in itertools.pairwise(places)]
    return Clip(
        name,
        [_rendered(picture, place, size) for place in places],
        [flow for flow, _ in pairs],
        [inside for _, inside in pairs],
    )


def _pan(name: str, picture: Array, size: tuple[int, int], length: int, _: Any) -> Clip:
    step = _STEP * size[1] / 512
    fit = _fit(picture, size, 1.35)
    places = [
        _around(size, picture, 0.0, fit, (step * (t - length / 2), 0.4 * step * (t - length / 2)))
        for t in range(length)
    ]
    return _whole(name, picture, size, places)


def _fit(picture: Array, size: tuple[int, int], margin: float) -> float:
    """Return pixels of the picture for each of the frame, such that the picture is so much larger than the frame."""
    return float(min(picture.shape[0] / size[0], picture.shape[1] / size[1])) / margin


def _zoom(name: str, picture: Array, size: tuple[int, int], length: int, _: Any) -> Clip:
    fit = _fit(picture, size, 1.1)
    return _whole(name, picture, size, [_around(size, picture, 0.0, fit * 0.985**t, (0.0, 0.0)) for t in range(length)])


def _rotation(name: str, picture: Array, size: tuple[int, int], length: int, _: Any) -> Clip:
    fit = _fit(picture, size, 1.3)
    places = [_around(size, picture, math.radians(0.8) * (t - length / 2), fit, (0.0, 0.0)) for t in range(length)]
    return _whole(name, picture, size, places)


def _noise(name: str, picture: Array, size: tuple[int, int], length: int, generator: np.random.Generator) -> Clip:
    """Return a still camera with the noise of a small sensor, of a standard deviation of 4 of 255."""
    still = _whole(name, picture, size, [_around(size, picture, 0.0, _fit(picture, size, 1.2), (0.0, 0.0))] * length)
    noisy = [
        np.clip(frame + generator.normal(0.0, 4.0, frame.shape), 0, 255).round().astype(np.uint8)
        for frame in still.frames
    ]
    return Clip(name, noisy, still.flows, still.visible)


def _cut(name: str, picture: Array, size: tuple[int, int], length: int, generator: np.random.Generator) -> Clip:
    """Return two pans over pictures that have nothing in common, one after the other."""
    half = length // 2
    other = 255 - cv2.rotate(picture, cv2.ROTATE_180)
    one, two = (_pan(name, image, size, n, generator) for image, n in ((picture, half), (other, length - half)))
    nothing = np.zeros(size, bool)
    return Clip(
        name,
        [*one.frames, *two.frames],
        [*one.flows, np.zeros((*size, 2), np.float32), *two.flows],
        [*one.visible, nothing, *two.visible],
        (half,),
    )


def _square(name: str, picture: Array, size: tuple[int, int], length: int, _: Any) -> Clip:
    """Return a square with a texture of its own, which moves over a background that moves another way."""
    step, side = _STEP * size[1] / 512, size[0] // 3
    texture = cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE)[..., ::-1]
    fit = _fit(picture, size, 1.35)
    corners = [
        (round(size[1] * 0.2 + 2 * step * t), round(size[0] / 3 + step * math.sin(t / 2))) for t in range(length)
    ]
    behind = [_around(size, picture, 0.0, fit, (-step * (t - length / 2), 0.0)) for t in range(length)]
    frames, covered = [], []
    for (left, top), place in zip(corners, behind, strict=True):
        frame = _rendered(picture, place, size)
        mask = np.zeros(size, bool)
        mask[top : top + side, left : left + side] = True
        patch = texture[:side, :side]
        frame[mask] = patch[:side, : max(0, min(side, size[1] - left))].reshape(-1, 3)
        frames.append(frame)
        covered.append(mask)
    flows, visible = [], []
    for t in range(1, length):
        flow, inside = _flow(behind[t], behind[t - 1], size)
        shift = np.array(corners[t - 1], np.float32) - np.array(corners[t], np.float32)
        there = np.rint(_grid(size) + flow).astype(int)
        x, y = there[..., 0].clip(0, size[1] - 1), there[..., 1].clip(0, size[0] - 1)
        hidden = cv2.dilate(covered[t - 1].astype(np.uint8), np.ones((3, 3), np.uint8))[y, x] > 0
        seen = inside & ~hidden
        flow[covered[t]] = shift
        seen[covered[t]] = True
        flows.append(flow)
        visible.append(seen)
    return Clip(name, frames, flows, visible)


CLIPS: dict[str, Callable[[str, Array, tuple[int, int], int, np.random.Generator], Clip]] = {
    "square": _square,
    "pan": _pan,
    "zoom": _zoom,
    "rotation": _rotation,
    "cut": _cut,
    "noise": _noise,
}
"""Kinds of motion by name."""
