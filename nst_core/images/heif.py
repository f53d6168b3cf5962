"""HEIC pictures, which Pillow does not read: with the package of the extra ``heif``, if it is installed."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

from nst_core.errors import ImageError
from nst_core.extras import install_command

__all__ = ["decode_heic", "is_heic"]

# Brands of files with pictures in HEVC: ISO/IEC 23008-12, annex B.
_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_MOST_BRANDS = 64


def is_heic(data: bytes) -> bool:
    """Say whether a file is a HEIC picture by the brands that it begins with; some AVIF files name one of them, too."""
    brands = {data[place : place + 4] for place in range(8, min(len(data), _MOST_BRANDS), 4)}
    return data[4:8] == b"ftyp" and not _BRANDS.isdisjoint(brands)


def decode_heic(data: bytes, what: str, check_size: Callable[[tuple[int, int]], None]) -> Image.Image:
    """Decode the main picture of a HEIC file to 8 bits, with its metadata.

    Args:
        data: the whole file.
        what: begins messages: role and path of the image.
        check_size: refuses a width and height.

    Raises:
        ImageError: the package that reads it is not installed; says how to install it.
        Exception: whatever a damaged file makes of the decoder.
    """
    try:
        import pillow_heif
    except ImportError:
        raise ImageError(
            f"{what} is a HEIC picture, as phones take them; install what reads them with "
            f"{install_command('heif')}, or save the picture as JPEG"
        ) from None
    file = pillow_heif.open_heif(io.BytesIO(data))
    check_size(file.size)
    image: Image.Image = file.to_pillow()  # upright, with no other orientation in its EXIF data
    return image
