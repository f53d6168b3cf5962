"""Conversion of any colour mode and sample format to 8-bit sRGB, and what is transparent."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from nst_core.images.depth import SampleFormat, to_eight_bits
from nst_core.images.tiff import sample_format, tags_of

__all__ = ["to_srgb"]


def to_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Convert an image to mode RGB in sRGB, composited over white where it is transparent.

    An embedded colour profile is applied; a profile that is broken or made for another mode is ignored, and the image
    is taken as sRGB. Grey images with more than 8 bits, signed or floating-point samples are scaled: see
    :func:`nst_core.images.depth.white_level`.

    Returns:
        The colours, and the alpha channel in mode L, 255 where the image is opaque; ``None`` if it is so everywhere.
    """
    image = _eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        profiled = _apply_profile(image.convert("RGB"), image.info.get("icc_profile"))
        white = Image.new("RGB", image.size, "white")
        white.paste(profiled, mask=alpha)
        return white, None if alpha.getextrema() == (255, 255) else alpha
    if image.mode in ("P", "1", "HSV", "YCbCr", "RGBX"):
        profile = image.info.get("icc_profile")
        return _apply_profile(image.convert("RGB"), profile), None
    return _apply_profile(image, image.info.get("icc_profile")), None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a grey image of any samples with 8 bits; others as they are."""
    tags = tags_of(image)
    form = sample_format(tags) if tags else None
    if image.mode == "L" and form is not None and form.kind == "signed":
        samples = np.asarray(image).view(np.int8)
    elif image.mode.startswith("I") or image.mode == "F":
        samples = np.asarray(image)
    else:
        return image
    if form is None:
        form = _usual_format(image)
    if form.kind == "unsigned" and samples.dtype == np.int32:
        samples = samples.view(np.uint32)  # Pillow has none
    grey = Image.fromarray(to_eight_bits(samples, form, colours=1))
    if isinstance(clear := image.info.get("transparency"), int):
        grey.putalpha(Image.fromarray(np.where(samples == clear, 0, 255).astype(np.uint8)))
    grey.info["icc_profile"] = image.info.get("icc_profile")
    return grey


def _usual_format(image: Image.Image) -> SampleFormat:
    """Return the format of an image that does not say it, by its mode."""
    if image.mode == "F":
        return SampleFormat("float", 32)
    if image.mode == "I" and image.format != "PPM":
        return SampleFormat("signed", 32)
    return SampleFormat("unsigned", 16)  # to which Pillow scales the samples of a PGM with more than 8 bits


def _apply_profile(image: Image.Image, profile: object) -> Image.Image:
    if isinstance(profile, bytes) and profile and image.mode in ("RGB", "L", "CMYK", "LAB"):
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
