"""Reading and decoding image files, with an error that helps for each way they can be wrong."""

from __future__ import annotations

import difflib
import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from nst_core.errors import ImageError, unknown_name

__all__ = ["MAX_PIXELS", "decode_image", "read_bytes", "sample_names"]

SAMPLE = "sample:"
# More than any camera takes; a file that claims more is treated as a decompression bomb.
MAX_PIXELS = 300_000_000
_LIMIT = threading.Lock()


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
def _pillow_pixel_limit() -> Iterator[None]:
    """Apply :data:`MAX_PIXELS`; Pillow has one limit for the whole process, and refuses more than twice its value."""
    with _LIMIT:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def decode_image(data: bytes, path: str, role: str) -> Image.Image:
    """Decode the bytes of an image file.

    Args:
        data: the whole file.
        path: its path, for messages.
        role: what messages call the image.

    Raises:
        ImageError: the format is not supported, the file is damaged or incomplete, or the image has more than
            :data:`MAX_PIXELS` pixels.
    """
    try:
        with _pillow_pixel_limit(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns at half of the limit, and of odd metadata
            image = Image.open(io.BytesIO(data))
            image.load()
    except Image.DecompressionBombError:
        raise ImageError(
            f"{role} '{path}' is larger than the limit of {MAX_PIXELS // 10**6} megapixels; reduce it first"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{role} '{path}' is not an image in a supported format; use JPEG, PNG, WebP, TIFF, GIF or BMP"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise ImageError(f"{role} '{path}' is damaged or incomplete: {error}; copy or download it again") from None
    return image
