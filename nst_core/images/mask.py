"""Masks: grey images that say where something is, and maps whose colours say where several things are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from nst_core.errors import ImageError
from nst_core.images.colour import to_srgb
from nst_core.images.decode import decode_full_depth, read_bytes, upright
from nst_core.images.resize import scaled_shape

__all__ = ["Color", "Mask", "color_name", "color_of", "load_mask", "palette"]

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

# Colours of a map that are nearer to each other than this, in units of 8-bit RGB, are one: antialiasing and JPEG.
_SAME = 48.0
# Share of the pixels that a colour of a map needs; what is less lies between two others, or is a speck.
_LEAST_SHARE = 0.005
# Side of the square whose commonest colour a pixel of a map takes: rims between two colours are narrower.
_RIM = 5
# Pixels that are compared with all colours at once.
_AT_ONCE = 1 << 20
# What resizing may lose of one by rounding.
_ROUNDING = 1e-5
# Relative difference of the proportions of two images that resizing forgives.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Mask:
    """A mask or map at its own size.

    Attributes:
        grey: ``(1, 1, H, W)`` float32 in [0, 1]: how white it is, and where it is transparent, how opaque.
        colors: ``(H, W, 3)`` uint8, sRGB, transparency composited over white.
        sha256: of the file, in hex.
        path: as given.
    """

    grey: Tensor = field(repr=False)
    colors: NDArray[np.uint8] = field(repr=False)
    sha256: str
    path: str
    _areas: dict[tuple[Color, ...], NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, after EXIF rotation."""
        return self.grey.shape[-2], self.grey.shape[-1]

    def at(self, size: tuple[int, int]) -> Tensor:
        """Return the mask at another height and width, antialiased: ``(1, 1, *size)`` in [0, 1]."""
        return _resized(self.grey, size)

    def where(self, color: Color, colors: Sequence[Color], size: tuple[int, int]) -> Tensor:
        """Return where a colour is the nearest one in a map.

        Rims between two areas, and specks, belong to what is around them.

        Args:
            color: one of ``colors``.
            colors: at least one.
            size: height and width.

        Returns:
            ``(1, 1, *size)`` in [0, 1]; over all colours, they add up to one at every pixel.
        """
        chosen = torch.from_numpy((self.areas(colors) == list(colors).index(color)).astype(np.float32))
        return _resized(chosen[None, None], size)

    def areas(self, colors: Sequence[Color]) -> NDArray[np.uint8]:
        """Return which of some colours every pixel belongs to, ``(H, W)``; see :meth:`where`."""
        key = tuple(colors)
        if key not in self._areas:  # takes seconds for a large map, and is asked for every region and level
            labels = Image.fromarray(_labels(self.colors, colors))
            self._areas[key] = np.asarray(labels.filter(ImageFilter.ModeFilter(_RIM)))
        return self._areas[key]

    def check_proportions(self, size: tuple[int, int], role: str, of: str) -> None:
        """Check that the mask has the proportions of an image.

        Args:
            size: height and width of the image.
            role: what messages call the mask.
            of: what they call the image.

        Raises:
            ImageError: it has not.
        """
        height, width = self.size
        if not (
            _alike(self.size, scaled_shape(size, max(self.size))) or _alike(size, scaled_shape(self.size, max(size)))
        ):
            raise ImageError(
                f"{role} '{self.path}' has {width}×{height} pixels, but {of} has {size[1]}×{size[0]}: the proportions "
                "must be the same; cut or draw the mask for the whole image"
            )


def load_mask(path: str, role: str = "mask") -> Mask:
    """Load a mask or map, of any mode and depth.

    Where all its pixels have the same colour but are more or less transparent, it is its opacity that counts; else its
    grey value, times the opacity.

    Args:
        path: a file, or ``sample:NAME``.
        role: what messages call it.

    Raises:
        ImageError: it cannot be read, or has a single pixel.
    """
    data = read_bytes(path, role)
    image = decode_full_depth(data, path, role)
    if image.size == (1, 1):
        raise ImageError(
            f"{role} '{path}' has a single pixel, which does not say where anything is; draw it for the whole image"
        )
    colors = upright(to_srgb(image)[0], image)
    grey = np.asarray(colors.convert("L"), dtype=np.float32) / 255.0
    opacity = _opacity(image)
    if opacity is not None:
        # Behind what is transparent, the colours of the file itself, not the white that they are composited over.
        own = upright(image.convert("RGBA").convert("RGB").convert("L"), image)
        values = np.asarray(own, dtype=np.float32) / 255.0
        uniform = values.min() == values.max()
        grey = opacity if uniform and opacity.min() < opacity.max() else values * opacity
    return Mask(
        torch.from_numpy(grey)[None, None].contiguous(),
        np.asarray(colors),
        hashlib.sha256(data).hexdigest(),
        path,
    )


def _opacity(image: Image.Image) -> NDArray[np.float32] | None:
    """Return the opacity of every pixel in [0, 1], ``None`` where all are opaque."""
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return None
    if image.mode.startswith("I") or image.mode == "F":
        return None  # the transparent value of a deep grey image is one of its values
    alpha = upright(image.convert("RGBA").getchannel("A"), image)
    found = np.asarray(alpha, dtype=np.float32) / 255.0
    return None if found.min() == 1 else found


def palette(mask: Mask) -> list[tuple[Color, float]]:
    """Return the colours of a map with their shares of its pixels, the commonest first.

    Colours that are nearly the same count as one, and those of antialiased rims and specks as none.

    Raises:
        ImageError: there are more than 32, so that it is no map.
    """
    pixels = mask.colors.reshape(-1, 3)
    codes = (pixels.astype(np.uint32) * np.array([65536, 256, 1], dtype=np.uint32)).sum(axis=1)
    values, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    found: list[Color] = []
    least = max(1, round(_LEAST_SHARE * len(pixels)) // 4)
    for code, count in zip(values[order].tolist(), counts[order].tolist(), strict=True):
        if count < least:
            break
        color = (code >> 16, code >> 8 & 255, code & 255)
        if all(_distance(color, other) >= _SAME for other in found):
            found.append(color)
        if len(found) > 32:
            raise ImageError(
                f"'{mask.path}' has more than 32 colours, and is no map of regions; draw each region in one colour"
            )
    if not found:
        raise ImageError(f"'{mask.path}' has no areas of one colour; draw each region in one colour")
    areas = mask.areas(found)
    large = [color for color, share in zip(found, _shares(areas, len(found)), strict=True) if share >= _LEAST_SHARE]
    image = Image.fromarray(areas)
    least_near, most_near = (
        np.asarray(image.filter(one(_RIM))) for one in (ImageFilter.MinFilter, ImageFilter.MaxFilter)
    )
    wide = {found[number] for number in np.unique(areas[least_near == most_near])}
    kept = [color for color in large if color in wide] or found[:1]
    shares = _shares(mask.areas(kept), len(kept))
    return sorted(zip(kept, shares, strict=True), key=lambda item: -item[1])


def _shares(areas: NDArray[np.uint8], count: int) -> list[float]:
    shares: list[float] = (np.bincount(areas.reshape(-1), minlength=count) / areas.size).tolist()
    return shares


def _labels(colors: NDArray[np.uint8], chosen: Sequence[Color]) -> NDArray[np.uint8]:
    """Return the number of the nearest of some colours for every pixel, ``(H, W)``."""
    # |p - c|² is least where p · c - |c|² / 2 is greatest, which float32 holds exactly.
    points = np.array(chosen, dtype=np.float32)
    half = np.square(points).sum(axis=1) / 2
    pixels = colors.reshape(-1, 3)
    nearest = np.empty(len(pixels), dtype=np.uint8)
    for start in range(0, len(pixels), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        nearest[part] = np.argmax(pixels[part].astype(np.float32) @ points.T - half, axis=1)
    return nearest.reshape(colors.shape[:2])


def _distance(one: Color, other: Color) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)


def color_name(color: Color) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def color_of(name: str) -> Color:
    """Read ``#rrggbb``."""
    return int(name[1:3], 16), int(name[3:5], 16), int(name[5:7], 16)


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return all(abs(a - b) <= max(1.0, _TOLERANCE * b) for a, b in zip(one, other, strict=True))


def _resized(mask: Tensor, size: tuple[int, int]) -> Tensor:
    if mask.shape[-2:] == size:
        return mask
    resized = F.interpolate(mask, size=size, mode="bilinear", antialias=True, align_corners=False)
    return torch.where(resized > 1.0 - _ROUNDING, 1.0, resized).clamp(0.0, 1.0)
