"""Loading an image from a file or from memory as a tensor of the wanted size."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from nst_core.errors import ImageError
from nst_core.images.colour import to_srgb
from nst_core.images.decode import decode_image, read_bytes
from nst_core.images.picture import ImageInput, Picture
from nst_core.images.resize import downscale, downscaled_shape

__all__ = ["load_image"]


def load_image(source: ImageInput, *, size: int | None = None, role: str = "image") -> Picture:
    """Load an image.

    EXIF rotation and colour profiles are applied, transparency is composited over white, and of an animation the first
    frame is used.

    Args:
        source: a path, ``sample:NAME`` for a bundled image, a Pillow image, or a tensor ``(C, H, W)`` or
            ``(1, C, H, W)`` with 1 or 3 channels, floating-point in [0, 1] or uint8.
        size: the longest side in pixels; a larger image is scaled down, a smaller one is not scaled up.
        role: what messages call the image.

    Raises:
        ImageError: the image cannot be read or is not usable.
    """
    if isinstance(source, Tensor):
        pixels = _from_tensor(source, role)
        original = (pixels.shape[-2], pixels.shape[-1])
        digest = hashlib.sha256(repr(original).encode() + pixels.numpy().tobytes()).hexdigest()
        return Picture(pixels if size is None else downscale(pixels, size), digest, "", original)
    if isinstance(source, Image.Image):
        image, path = source, ""
        header = f"{image.mode} {image.size}".encode()
        digest = hashlib.sha256(header + image.tobytes()).hexdigest()
    elif isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        data = read_bytes(source, role)
        digest = hashlib.sha256(data).hexdigest()
        image = decode_image(data, path, role)
    else:
        raise ImageError(f"{role} must be a path, a Pillow image or a tensor, not {type(source).__name__}")
    if min(image.size) < 1:
        raise ImageError(f"{role} has no pixels: {image.size[0]}×{image.size[1]}")
    image = to_srgb(ImageOps.exif_transpose(image))
    original = (image.height, image.width)
    if size is not None and max(original) > size:
        height, width = downscaled_shape(original, size)
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    array = np.asarray(image, dtype=np.float32) / 255.0
    return Picture(torch.from_numpy(array).permute(2, 0, 1)[None].contiguous(), digest, path, original)


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
