"""Valid image files of every format that can be written here, and what must be true of them once they are damaged."""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from mutations import damaged
from PIL import Image, ImageCms, features

from nst_core import Job, load_image, read_recipe, save_image
from nst_core.errors import NstError
from nst_core.images.decode import MAX_PIXELS

__all__ = ["check_image", "make_image"]

SIZE = 24, 17
RECIPE = 'schema = 1\nsize = 64\n[content]\npath = "photo.jpg"\n'


def make_image(rng: random.Random) -> tuple[str, bytes]:
    """Return the suffix and the bytes of a damaged image."""
    name = rng.choice(list(_files()))
    return name.partition(".")[2], damaged(_files()[name], rng)


def check_image(path: Path) -> str:
    """Read an image and its recipe, and return what came of it.

    Raises:
        AssertionError: the pixels are not what they should be.
        Exception: what no user may meet.
    """
    outcome = "read"
    try:
        pixels = load_image(path, size=256).pixels
        assert pixels.shape[:2] == (1, 3), pixels.shape
        assert pixels.shape[-2] * pixels.shape[-1] <= 256 * 256, pixels.shape
        assert torch.isfinite(pixels).all(), "pixels are not finite"
        assert pixels.min() >= 0, pixels.min()
        assert pixels.max() <= 1, pixels.max()
        original = load_image(path, size=8).original_size
        assert original[0] * original[1] <= MAX_PIXELS, original
    except NstError as error:
        outcome = f"refused: {_subject(error)}"
    try:
        Job.from_toml(read_recipe(path))
    except NstError as error:
        _subject(error)
    return outcome


def _subject(error: NstError) -> str:
    message = str(error)
    assert message, "an error without words"
    assert len(message) < 2000, f"an error of {len(message)} characters"
    message.encode(errors="surrogateescape")
    return "damaged" if "damaged" in message else "other"


@functools.cache
def _files() -> dict[str, bytes]:
    """Return valid files by name."""
    rng = np.random.default_rng(0)
    width, height = SIZE
    smooth = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    array = (smooth + rng.normal(0, 9, smooth.shape)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(array)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8769)[0x9286] = b"\0" * 8 + b"nst-recipe\n" + RECIPE.encode()
    exif.get_ifd(0x8825)[2] = (48.0, 31.0, 12.5)
    found = {}

    def add(name: str, write: Callable[[io.BytesIO], Any]) -> None:
        buffer = io.BytesIO()
        write(buffer)
        found[name] = buffer.getvalue()

    def pillow(name: str, image: Image.Image, kind: str, **options: Any) -> None:
        add(name, lambda buffer: image.save(buffer, kind, **options))

    for mode in ("RGB", "L", "RGBA", "P", "1", "LA", "I;16"):
        source = Image.fromarray(array[..., 0].astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
        pillow(f"{mode}.png", source, "PNG")
    pillow("metadata.png", picture, "PNG", exif=exif, icc_profile=profile, transparency=(1, 2, 3))
    pillow("interlaced-palette.png", picture.quantize(16), "PNG", transparency=0)
    pillow("plain.jpg", picture, "JPEG")
    pillow("metadata.jpg", picture, "JPEG", exif=exif, icc_profile=profile, comment=b"hello")
    pillow("progressive.jpg", picture, "JPEG", progressive=True, subsampling=2)
    pillow("cmyk.jpg", picture.convert("CMYK"), "JPEG")
    pillow("grey.jpg", picture.convert("L"), "JPEG")
    pillow("several.jpg", picture, "MPO", save_all=True, append_images=[picture])
    pillow("lossy.webp", picture, "WEBP", exif=exif, icc_profile=profile)
    pillow("lossless.webp", picture.convert("RGBA"), "WEBP", lossless=True)
    pillow("film.webp", picture, "WEBP", save_all=True, append_images=[picture.rotate(90)])
    pillow("film.gif", picture, "GIF", save_all=True, append_images=[picture.rotate(90)])
    pillow("a.bmp", picture, "BMP")
    pillow("palette.bmp", picture.quantize(8), "BMP")
    pillow("a.ppm", picture, "PPM")
    pillow("a.pgm", picture.convert("L"), "PPM")
    pillow("a.pbm", picture.convert("1"), "PPM")
    pillow("a.pfm", Image.fromarray(array[..., 0].astype(np.float32)), "PPM")
    found["text.ppm"] = b"P3 2 2 65535\n" + b"12 34567 1 " * 4
    found["deep.pgm"] = b"P5 4 2 4095\n" + bytes(range(16))
    pillow("a.tga", picture, "TGA", compression="tga_rle")
    pillow("a.ico", picture.resize((32, 32)), "ICO")
    pillow("a.icns", picture.resize((32, 32)), "ICNS")
    pillow("a.pcx", picture, "PCX")
    pillow("a.sgi", picture, "SGI")
    pillow("a.dds", picture, "DDS")
    pillow("a.qoi", picture, "QOI")
    if features.check("jpg_2000"):
        pillow("a.jp2", picture, "JPEG2000")
    if features.check("avif"):
        pillow("a.avif", picture, "AVIF", exif=exif, icc_profile=profile)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        pillow(f"{compression}.tif", picture, "TIFF", compression=compression, exif=exif, icc_profile=profile)
    pillow("group4.tif", picture.convert("1"), "TIFF", compression="group4")
    pillow("cmyk.tif", picture.convert("CMYK"), "TIFF")
    pillow("lab.tif", picture.convert("LAB"), "TIFF")
    for kind in ("uint16", "int16", "uint32", "int32", "float16", "float32", "float64"):
        deep = array.astype(kind)
        for order in "<>":
            add(f"{kind}{order}.tif", functools.partial(_write_tiff, array=deep, byteorder=order))
        add(f"{kind}-grey.tif", functools.partial(_write_tiff, array=deep[..., 0], compression="zlib"))
        add(f"{kind}-tiles.tif", functools.partial(_write_tiff, array=deep, tile=(16, 16), predictor=False))
    add("planes.tif", functools.partial(_write_tiff, array=np.moveaxis(array, -1, 0).copy(), planarconfig="separate"))
    add("big.tif", functools.partial(_write_tiff, array=array.astype(np.float32), bigtiff=True))
    found |= _ours(array) | _heic(picture, exif)
    return found


def _write_tiff(buffer: io.BytesIO, array: np.ndarray[Any, Any], **options: Any) -> None:
    photometric = "minisblack" if array.ndim == 2 else "rgb"
    tifffile.imwrite(buffer, array, photometric=photometric, metadata=None, description=RECIPE, **options)


def _ours(array: np.ndarray[Any, Any]) -> dict[str, bytes]:
    """Return files that the framework writes itself, with recipes."""
    import tempfile

    pixels = torch.from_numpy(array).permute(2, 0, 1).float() / 255
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, bits in (("png", 8), ("png", 16), ("jpg", 8), ("webp", 8), ("tif", 8), ("tif", 16)):
            save_image(pixels, Path(folder, f"a.{suffix}"), bits=bits, recipe=RECIPE)
            found[f"ours-{bits}.{suffix}"] = Path(folder, f"a.{suffix}").read_bytes()
    return found


def _heic(picture: Image.Image, exif: Image.Exif) -> dict[str, bytes]:
    try:
        import pillow_heif
    except ImportError:
        return {"a.heic": b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(99)}
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture.resize((64, 48))).save(buffer, quality=60, exif=exif.tobytes())
    return {"a.heic": buffer.getvalue()}
