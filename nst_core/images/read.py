"""Loading an image from a file or from memory as a tensor of the wanted size."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nst_core.errors import ImageError
from nst_core.images.colour import to_srgb
from nst_core.images.decode import decode_full_depth, pillow_pixel_limit, read_bytes, upright
from nst_core.images.picture import ImageInput, Picture
from nst_core.images.resize import resample, scaled_shape

__all__ = ["Decoded", "decode", "decode_bytes", "load_image"]


_STRIP = 1 << 22
"""Pixels that are converted at a time."""


@dataclass(frozen=True)
class Decoded:
    """An image at its own size, decoded and hashed.

    Attributes:
        image: 8-bit sRGB image, or pixels ``(1, 3, H, W)`` float32 in [0, 1].
        sha256: digest of the file's bytes, or of size and pixels of an image in memory, in hex.
        path: as given; "" for an image in memory.
        alpha: its alpha channel, in mode L; ``None`` if it is opaque everywhere, as tensors are.
    """

    image: Image.Image | Tensor
    sha256: str
    path: str
    alpha: Image.Image | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, after EXIF rotation."""
        if isinstance(self.image, Tensor):
            return self.image.shape[-2], self.image.shape[-1]
        return self.image.height, self.image.width

    @property
    def nbytes(self) -> int:
        """Memory that the pixels take."""
        if isinstance(self.image, Tensor):
            return self.image.nbytes
        return (3 if self.alpha is None else 4) * self.image.height * self.image.width

    def size_at(self, size: int | None, *, enlarge: bool = False) -> tuple[int, int]:
        """Height and width of :meth:`at`, without making its pixels."""
        if size is None or max(self.size) == size or (max(self.size) < size and not enlarge):
            return self.size
        return scaled_shape(self.size, size)

    def at(self, size: int | None = None, *, enlarge: bool = False) -> Picture:
        """Return the image as a tensor.

        Args:
            size: longest side in pixels that a larger image is made smaller to; ``None`` leaves it as it is.
            enlarge: make a smaller one larger, too.
        """
        height, width = self.size_at(size, enlarge=enlarge)
        if isinstance(self.image, Tensor):
            return Picture(resample(self.image, (height, width)), self.sha256, self.path, self.size)
        pixels = _resized(self.image, (height, width))
        return Picture(pixels, self.sha256, self.path, self.size, self.alpha_at((height, width)))

    def alpha_at(self, shape: tuple[int, int]) -> Tensor | None:
        """Return the alpha channel at a height and width, see :class:`Picture`; ``None`` for an opaque image."""
        return None if self.alpha is None else _resized(self.alpha, shape)


def load_image(source: ImageInput, *, size: int | None = None, role: str = "image") -> Picture:
    """Load an image.

    EXIF rotation and colour profiles are applied, transparency is composited over white and kept beside the pixels, and
    of an animation the first frame is used.

    Args:
        source: a path, ``sample:NAME`` for a bundled image, a Pillow image, or a tensor ``(C, H, W)`` or
            ``(1, C, H, W)`` with 1 or 3 channels, floating-point in [0, 1] or uint8.
        size: longest side in pixels; a larger image is scaled down, a smaller one is not scaled up.
        role: what messages call the image.

    Raises:
        ImageError: the image cannot be read or is not usable.
    """
    return decode(source, role).at(size)


def decode(source: ImageInput, role: str = "image") -> Decoded:
    """Read and hash an image at its own size; see :func:`load_image`."""
    if isinstance(source, Tensor):
        pixels = _from_tensor(source, role)
        original = (pixels.shape[-2], pixels.shape[-1])
        digest = hashlib.sha256(repr(original).encode() + pixels.numpy().tobytes()).hexdigest()
        return Decoded(pixels, digest, "")
    if isinstance(source, Image.Image):
        seen, alpha = _seen(source, role)  # which the bytes alone do not say: palette, profile, rotation
        header = f"{seen.mode} {seen.size}".encode()
        data = header + seen.tobytes() + (alpha.tobytes() if alpha else b"")
        return Decoded(seen, hashlib.sha256(data).hexdigest(), "", alpha)
    if isinstance(source, str | os.PathLike):
        data = read_bytes(source, role)
        return decode_bytes(data, hashlib.sha256(data).hexdigest(), os.fspath(source), role)
    raise ImageError(f"{role} must be a path, a Pillow image or a tensor, not {type(source).__name__}")


def decode_bytes(data: bytes, sha256: str, path: str, role: str = "image") -> Decoded:
    """Decode the bytes of an image file with a known hash; ``path`` is what to call it in messages."""
    image, alpha = _seen(decode_full_depth(data, path, role), f"{role} '{path}'")
    return Decoded(image, sha256, path, alpha)


def _seen(image: Image.Image, what: str) -> tuple[Image.Image, Image.Image | None]:
    """Return an image as it looks, in sRGB and upright, and its alpha channel; ``what`` it is for messages."""
    if min(image.size) < 1:
        raise ImageError(f"{what} has no pixels: {image.size[0]}×{image.size[1]}")
    colours, alpha = to_srgb(image)
    if alpha is None:
        return upright(colours, image), None
    if alpha.getextrema() == (0, 0):
        raise ImageError(
            f"{what} is transparent everywhere, so that there is nothing to see; save it without transparency, for "
            "example with 'magick IN.png -alpha off OUT.png'"
        )
    return upright(colours, image), upright(alpha, image)


def _resized(image: Image.Image, shape: tuple[int, int]) -> Tensor:
    """Return an image in mode RGB or L at a height and width, as ``(1, C, H, W)`` in [0, 1]."""
    height, width = shape
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    pixels = torch.empty(1, len(image.getbands()), height, width)
    strip = max(1, _STRIP // width)
    for top in range(0, height, strip):  # so that there are never two large copies
        bottom = min(height, top + strip)
        with pillow_pixel_limit():
            cut = image.crop((0, top, width, bottom))
        array = np.asarray(cut, dtype=np.float32) / 255.0
        part = torch.from_numpy(array)
        pixels[0, :, top:bottom] = part[None] if part.dim() == 2 else part.permute(2, 0, 1)
    return pixels


def _from_tensor(tensor: Tensor, role: str) -> Tensor:
    pixels = tensor.detach().cpu()
    pixels = pixels[None] if pixels.dim() == 3 else pixels
    if pixels.dim() != 4 or pixels.shape[0] != 1 or pixels.shape[1] not in (1, 3) or pixels.numel() == 0:
        raise ImageError(f"{role} must have the shape (3, H, W) or (1, 3, H, W), not {tuple(tensor.shape)}")
    if pixels.dtype == torch.uint8:
        pixels = pixels.float() / 255.0
    elif not pixels.dtype.is_floating_point:
        raise ImageError(f"{role} must be floating-point in [0, 1] or uint8, not {tensor.dtype}")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        raise ImageError(f"{role} must have values in [0, 1], but they range from {low:.4g} to {high:.4g}")
    return pixels.float().clamp(0.0, 1.0).expand(1, 3, -1, -1).contiguous()
