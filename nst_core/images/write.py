"""Saving tensors as image files: quantized, tagged as sRGB, with their recipe, complete or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
import torch
from PIL import Image, ImageCms
from torch import Tensor

from nst_core.errors import ImageError
from nst_core.files import atomic_write, check_writable
from nst_core.images.metadata import KEY, recipe_exif, recipe_png_info
from nst_core.images.png16 import write_png16

__all__ = ["check_output", "holds_alpha", "quantize", "save_image", "to_pil"]

# Pixels per side that a format can hold; PNG and TIFF hold more than any machine can compute.
_MAX_SIDE = {"JPEG": 65500, "WEBP": 16383}
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}


_STRIP = 1 << 20
"""Pixels that are rounded at a time."""


def check_output(path: str | os.PathLike[str], *, bits: int = 8, longest: int = 0) -> None:
    """Check that an image could be saved, before any work starts.

    Args:
        path: the file to write.
        bits: bits per channel, 8 or 16.
        longest: the longest side in pixels; 0 if it is not known yet.

    Raises:
        ImageError: the suffix is unknown, the format cannot hold so many bits or pixels, or the folder cannot be
            written to.
    """
    target = Path(path)
    kind = _FORMATS.get(target.suffix.lower())
    if kind is None:
        raise ImageError(f"cannot tell the format of '{target}' from its suffix; use {', '.join(_FORMATS)}")
    if bits not in (8, 16) or (bits == 16 and kind not in ("PNG", "TIFF")):
        raise ImageError(f"{kind} cannot be written with {bits} bits; use 8, or 16 with .png or .tif")
    if longest > _MAX_SIDE.get(kind, longest):
        raise ImageError(f"{kind} holds at most {_MAX_SIDE[kind]} pixels per side, not {longest}; use .png or .tif")
    check_writable(target, ImageError)


def holds_alpha(path: str | os.PathLike[str]) -> bool:
    """Say whether the format of a file, by its suffix, has an alpha channel."""
    return _FORMATS.get(Path(path).suffix.lower()) != "JPEG"


def quantize(pixels: Tensor, bits: int = 8, alpha: Tensor | None = None) -> np.ndarray[Any, Any]:
    """Round an image to integers.

    Args:
        pixels: ``(1, 3, H, W)`` or ``(3, H, W)``; values outside [0, 1] are clipped.
        bits: bits per channel, 8 or 16.
        alpha: ``(1, 1, H, W)`` or ``(1, H, W)``, 0 for transparent and 1 for opaque; ``None`` for an opaque image.

    Returns:
        ``(H, W, 3)`` of uint8 or uint16; ``(H, W, 4)`` with alpha.

    Raises:
        ImageError: the shape is wrong, or there are NaN or infinite values.
    """
    image = _channels(pixels)
    if image.dim() != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise ImageError(f"an image must have the shape (1, 3, H, W) or (3, H, W), not {tuple(pixels.shape)}")
    opacity = None if alpha is None else _alpha_of(image, alpha)
    height, width = image.shape[-2:]
    found = np.empty((height, width, 3 if opacity is None else 4), np.uint8 if bits == 8 else np.uint16)
    strip = max(1, _STRIP // width)
    for top in range(0, height, strip):  # so that there is never a large copy
        rows = slice(top, top + strip)
        part = image[:, rows] if opacity is None else torch.cat((image[:, rows], opacity[:, rows]))
        part = part.double()
        if not torch.isfinite(part).all():
            raise ImageError("the image has NaN or infinite pixels; replace them first")
        found[rows] = (part.clamp(0.0, 1.0) * (2**bits - 1)).round().permute(1, 2, 0).numpy()
    return found


def _channels(pixels: Tensor) -> Tensor:
    image = pixels.detach().cpu()
    return image[0] if image.dim() == 4 and image.shape[0] == 1 else image


def _alpha_of(image: Tensor, alpha: Tensor) -> Tensor:
    found, shape = _channels(alpha), (1, *image.shape[-2:])
    if found.shape != shape:
        raise ImageError(f"alpha must have the shape {(1, *shape)} or {shape}, not {tuple(alpha.shape)}")
    return found


def to_pil(pixels: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """Convert an image to an 8-bit Pillow image in mode RGB, or RGBA with alpha; see :func:`quantize`."""
    return Image.fromarray(quantize(pixels, alpha=alpha))


def save_image(
    pixels: Tensor,
    path: str | os.PathLike[str],
    *,
    bits: int = 8,
    recipe: str = "",
    quality: int = 95,
    alpha: Tensor | None = None,
) -> None:
    """Save an image; an existing file is replaced only once the new one is complete.

    Args:
        pixels: ``(1, 3, H, W)`` or ``(3, H, W)`` in [0, 1].
        path: the file to write; its suffix sets the format.
        bits: bits per channel, 8, or 16 for PNG and TIFF.
        recipe: text to store in the file.
        quality: the quality of JPEG and WebP, 1 to 100.
        alpha: ``(1, 1, H, W)`` or ``(1, H, W)`` in [0, 1], 0 for transparent; JPEG has none, and the image is
            composited over white there.

    Raises:
        ImageError: see :func:`check_output` and :func:`quantize`; or writing failed, for example on a full disk.
    """
    check_output(path, bits=bits, longest=max(pixels.shape[-2:], default=0))
    if alpha is not None and not holds_alpha(path):
        pixels, alpha = 1.0 - _alpha_of(pixels, alpha).double() * (1.0 - _channels(pixels).double()), None
    array = quantize(pixels, bits, alpha)
    target = Path(path)
    try:
        with atomic_write(target) as temporary, temporary.open("wb") as file:
            _write(array, file, _FORMATS[target.suffix.lower()], recipe, quality)
    except (OSError, ValueError) as error:  # encoders raise both
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"'{target}' could not be written: {reason}") from error


def _write(array: np.ndarray[Any, Any], file: IO[bytes], kind: str, recipe: str, quality: int) -> None:
    if kind == "TIFF":
        # TIFF descriptions are ASCII: other characters are escaped.
        text = recipe.encode("unicode_escape").decode("ascii")
        description = f"{KEY}\n{text}" if recipe else None
        tifffile.imwrite(
            file,
            array,
            photometric="rgb",
            extrasamples=["unassalpha"] if array.shape[-1] == 4 else None,
            compression="zlib",
            description=description,
            metadata=None,
        )
    elif array.dtype == np.uint16:
        write_png16(file, array, {KEY: recipe} if recipe else {})
    elif kind == "PNG":
        Image.fromarray(array).save(file, kind, pnginfo=recipe_png_info(recipe), icc_profile=_srgb())
    else:
        # No optimize=True for JPEG: with it Pillow's buffer is too small for noisy pictures, and writing fails.
        extra: dict[str, Any] = {"subsampling": 0} if kind == "JPEG" else {"method": 4, "exact": True}
        Image.fromarray(array).save(file, kind, quality=quality, exif=recipe_exif(recipe), icc_profile=_srgb(), **extra)


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
