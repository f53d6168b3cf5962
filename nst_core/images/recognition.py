"""Telling image files from others cheaply: by their suffix, or else by how they begin. Nothing is decoded."""

from __future__ import annotations

import functools
import os
import warnings
from pathlib import Path

from PIL import Image

from nst_core.images.decode import FORMATS
from nst_core.images.heif import is_heic
from nst_core.images.tiff import is_tiff

__all__ = ["is_image"]

_HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
# Files of this format begin with nothing that others could not begin with, too.
_WITHOUT_MAGIC = frozenset({"TGA"})
_HEAD = 64
"""Bytes at the beginning of a file that say whether it is a TIFF or HEIC."""


def is_image(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is meant to be an image.

    A file with the suffix of an image format is, even if it is damaged: opening it says what is wrong. Another one is
    if it begins as an image does.

    Args:
        path: an existing file.
    """
    if Path(path).suffix.lower() in _suffixes():
        return True
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return is_tiff(head) or is_heic(head) or _opens(path)


@functools.cache
def _suffixes() -> frozenset[str]:
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    return _HEIC_SUFFIXES | known


def _opens(path: str | os.PathLike[str]) -> bool:
    formats = [name for name in FORMATS if name in Image.OPEN and name not in _WITHOUT_MAGIC]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=formats):
                return True
    except Image.DecompressionBombError:
        return True  # an image, though too large
    except Exception:  # parsers raise whatever the bytes of another kind of file lead them to
        return False
