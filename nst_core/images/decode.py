"""Finding image files, and opening them with errors that help."""

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
# More than any camera gives; a file that claims more is taken for a decompression bomb.
MAX_PIXELS = 300_000_000
_LIMIT = threading.Lock()


def sample_names() -> list[str]:
    """Names of the bundled images, to be used as ``sample:NAME``."""
    folder = files("nst_core.images.samples")
    return sorted(item.name.removesuffix(".jpg") for item in folder.iterdir() if item.name.endswith(".jpg"))


def read_bytes(source: str | os.PathLike[str], role: str) -> bytes:
    """Read a file, or a bundled image named ``sample:NAME``.

    Raises:
        ImageError: missing (with near matches), a directory, not readable, or empty.
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
        raise ImageError(f"{role} '{text}' is a folder; name an image file in it") from None
    except PermissionError:
        raise ImageError(f"{role} '{text}' cannot be read: permission denied") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{role} '{text}' cannot be read: {error}") from None
    if not data:
        raise ImageError(f"{role} '{text}' is an empty file")
    return data


def _near(path: Path) -> str:
    try:
        names = [item.name for item in path.parent.iterdir()]
    except OSError:
        return f"; neither does the folder '{path.parent}'"
    near = difflib.get_close_matches(path.name, names, n=3)
    return "; did you mean " + " or ".join(f"'{path.parent / n}'" for n in near) + "?" if near else ""


@contextmanager
def _pillow_pixel_limit() -> Iterator[None]:
    """Make :data:`MAX_PIXELS` Pillow's limit, which is one for the whole process; Pillow refuses twice its number."""
    with _LIMIT:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def decode_image(data: bytes, path: str, role: str) -> Image.Image:
    """Open and decode an image file's bytes.

    Raises:
        ImageError: not an image that Pillow knows, truncated, or larger than :data:`MAX_PIXELS`.
    """
    try:
        with _pillow_pixel_limit(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about half of what it refuses, and about odd metadata
            image = Image.open(io.BytesIO(data))
            image.load()
    except Image.DecompressionBombError:
        raise ImageError(
            f"{role} '{path}' has more pixels than the limit of {MAX_PIXELS // 10**6} megapixels; make it smaller first"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{role} '{path}' is not an image that can be read; JPEG, PNG, WebP, TIFF, GIF and BMP can"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise ImageError(f"{role} '{path}' is damaged or cut short: {error}") from None
    return image
