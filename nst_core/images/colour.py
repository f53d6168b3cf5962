"""Conversion of any colour mode to 8-bit sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

__all__ = ["to_srgb"]


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert an image to mode RGB in sRGB, composited over white where it is transparent.

    An embedded colour profile is applied; a profile that is broken or made for another mode is ignored, and the image
    is taken as sRGB. Grey images with 16 or 32 bits or floating-point values are scaled, not clipped. Their white is
    65535; for floating-point values it is the smallest of 1, 255 and 65535 that no value exceeds. If values exceed
    65535, white is the greatest of them. Negative values become black.
    """
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        profiled = _apply_profile(image.convert("RGB"), image.info.get("icc_profile"))
        white = Image.new("RGB", image.size, "white")
        white.paste(profiled, mask=alpha)
        return white
    if image.mode in ("P", "1", "HSV", "YCbCr", "RGBX"):
        profile = image.info.get("icc_profile")
        return _apply_profile(image.convert("RGB"), profile)
    return _apply_profile(image, image.info.get("icc_profile"))


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    greatest = float(values[np.isfinite(values)].max(initial=0.0))
    common = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    white = next((level for level in common if greatest <= level), greatest)
    scaled = np.nan_to_num(values / white).clip(0.0, 1.0)
    grey = Image.fromarray(np.rint(scaled * 255.0).astype(np.uint8))
    grey.info["icc_profile"] = image.info.get("icc_profile")
    return grey


def _apply_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and image.mode in ("RGB", "L", "CMYK", "LAB"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        transform = ImageCms.buildTransform(lab, ImageCms.createProfile("sRGB"), "LAB", "RGB")
        done = ImageCms.applyTransform(image, transform)
        return done if done is not None else image.convert("RGB")
    return image.convert("RGB")
