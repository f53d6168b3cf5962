"""Reading and decoding image files, with an error that helps for each way they can be wrong."""

from __future__ import annotations

import difflib
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.resources import files
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from nst_core.errors import ImageError, NstError, unknown_name
from nst_core.images.heif import decode_heic, is_heic
from nst_core.images.tiff import decode_tiff, is_deep_colour, is_tiff

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "MAX_SIDE",
    "decode_full_depth",
    "decode_image",
    "exif_of",
    "pillow_pixel_limit",
    "read_bytes",
    "sample_names",
    "upright",
]

SAMPLE = "sample:"
# More than any camera takes; a file that claims more is treated as a decompression bomb.
MAX_PIXELS = 300_000_000
MAX_SIDE = 100_000
# What a byte can hold: deflate has the most of the formats that cameras and programs write, 8256 pixels of one bit.
_PIXELS_OF_BYTE = 10_000
# A file of any length may claim as many, since they take little memory.
_ANY_FILE = 10_000_000
_LIMIT = threading.Lock()
FORMATS = (
    *("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "DIB", "JPEG2000", "PPM"),
    *("TGA", "ICO", "ICNS", "PSD", "QOI", "PCX", "SGI", "DDS"),
)
"""Formats that Pillow is asked for. Others are for science, have no known white, or run other programs, as EPS does."""
_ORIENTATION = 0x0112
# What makes an image upright, by its orientation in EXIF 2.3.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_STDERR = 2
_SILENT = logging.NullHandler()


def sample_names() -> list[str]:
    """Return the names of the bundled images, which are given as ``sample:NAME``."""
    folder = files("nst_core.images.samples")
    return sorted(item.name.removesuffix(".jpg") for item in folder.iterdir() if item.name.endswith(".jpg"))


def read_bytes(source: str | os.PathLike[str], role: str) -> bytes:
    """Read a file, or a bundled image given as ``sample:NAME``.

    Args:
        source: the path or ``sample:NAME``.
        role: what messages call the image, for example "style image".

    Raises:
        ImageError: the file does not exist (similar names are listed), is a folder, cannot be read or is empty.
        UnknownNameError: there is no such sample.
    """
    text = os.fspath(source)
    if text.startswith(SAMPLE):
        name = text.removeprefix(SAMPLE)
        if name not in sample_names():
            raise unknown_name("sample image", name, sample_names())
        return (files("nst_core.images.samples") / f"{name}.jpg").read_bytes()
    path = Path(text)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{role} '{text}' does not exist{_near(path)}") from None
    except IsADirectoryError:
        raise ImageError(f"{role} '{text}' is a folder; give the path of an image file") from None
    except PermissionError:
        raise ImageError(
            f"{role} '{text}' cannot be read: permission denied; change the permissions of the file"
        ) from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{role} '{text}' cannot be read: {error}") from None
    except MemoryError:
        raise ImageError(f"{role} '{text}' is larger than the memory that there is; reduce it first") from None
    if not data:
        raise ImageError(f"{role} '{text}' is an empty file; copy or download it again")
    return data


def _near(path: Path) -> str:
    try:
        names = [item.name for item in path.parent.iterdir()]
    except OSError:
        return f"; the folder '{path.parent}' does not exist either"
    near = difflib.get_close_matches(path.name, names, n=3)
    return "; did you mean " + " or ".join(f"'{path.parent / n}'" for n in near) + "?" if near else ""


@contextmanager
def pillow_pixel_limit() -> Iterator[None]:
    """Apply :data:`MAX_PIXELS`; Pillow has one limit for the whole process, and refuses more than twice its value."""
    with _LIMIT:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _decoding(path: str, role: str) -> Iterator[None]:
    """Turn what goes wrong in a decoder into an error that helps, and keep decoders from writing to the terminal."""
    for name in ("PIL", "tifffile"):
        logging.getLogger(name).addHandler(_SILENT)
    try:
        with pillow_pixel_limit(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns at half of the limit, and of odd metadata
            yield
    except NstError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(
            f"{role} '{path}' is larger than the limit of {MAX_PIXELS // 10**6} megapixels and {MAX_SIDE} pixels a "
            "side; reduce it first"
        ) from None
    except MemoryError:
        raise ImageError(
            f"there is not enough memory to decode {role} '{path}'; reduce it first, or raise the memory limit"
        ) from None
    except Exception as error:  # decoders raise whatever damaged data lead them to
        raise ImageError(f"{role} '{path}' is damaged or incomplete: {error}; copy or download it again") from None


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Discard what is written to the terminal meanwhile: libtiff writes about damage there, and cannot be told not to.

    The caller holds the lock of :func:`pillow_pixel_limit`, so that this is done once at a time.
    """
    try:
        terminal = os.dup(_STDERR)
    except OSError:  # there is none
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)
        yield
    finally:
        os.dup2(terminal, _STDERR)
        os.close(terminal)


def _check_size(size: tuple[int, int], length: int) -> None:
    """Refuse the width and height that a file of some length claims, before memory is taken for them.

    Raises:
        DecompressionBombError: the image is larger than any that is read.
        ValueError: so many pixels cannot come from so few bytes.
    """
    pixels = size[0] * size[1]
    if pixels > MAX_PIXELS or max(size) > MAX_SIDE:
        raise Image.DecompressionBombError
    if pixels > max(_ANY_FILE, _PIXELS_OF_BYTE * length):
        raise ValueError(f"it claims to have {size[0]}×{size[1]} pixels, but has only {length} bytes")


def decode_image(data: bytes, path: str, role: str) -> Image.Image:
    """Decode the bytes of an image file; the image has the mode and the metadata that Pillow gives it.

    Args:
        data: the whole file.
        path: its path, for messages.
        role: what messages call the image.

    Raises:
        ImageError: the format or its samples are not supported, the file is damaged or incomplete, or the image has
            more than :data:`MAX_PIXELS` pixels.
    """
    with _decoding(path, role):
        try:
            Image.init()
            image = Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])
        except UnidentifiedImageError:
            return _decode_otherwise(data, f"{role} '{path}'")
        _check_size(image.size, len(data))
        with _silent_libtiff() if image.format == "TIFF" else nullcontext():
            image.load()
    return image


def decode_full_depth(data: bytes, path: str, role: str) -> Image.Image:
    """Decode the bytes of an image file as :func:`decode_image` does, with no bits lost where Pillow keeps 8 of 16.

    The samples are scaled to 8 bits all the same, but with the white that they have. Metadata are fewer.
    """
    image = decode_image(data, path, role)
    if not is_deep_colour(image):
        return image
    with _decoding(path, role):
        try:
            return _decode_otherwise(data, f"{role} '{path}'")
        except ImageError:  # a compression that only Pillow reads
            return image


def upright(image: Image.Image, original: Image.Image) -> Image.Image:
    """Rotate and flip an image as the EXIF data of the original say; data that are damaged say nothing."""
    turn = _TURNS.get(exif_of(original).get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def exif_of(image: Image.Image) -> Image.Exif:
    """Return the EXIF data of an image; none where they are damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif = image.getexif()
            exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # parsers raise whatever damaged data lead them to
        return Image.Exif()
    return exif


def _decode_otherwise(data: bytes, what: str) -> Image.Image:
    """Decode what Pillow does not know, or say why that cannot be done; ``what`` is the image for messages."""
    if is_tiff(data):
        return decode_tiff(data, what, lambda size: _check_size(size, len(data)))
    if is_heic(data):
        return decode_heic(data, what, lambda size: _check_size(size, len(data)))
    raise ImageError(f"{what} is not an image in a supported format; use JPEG, PNG, WebP, AVIF, TIFF, GIF or BMP")
