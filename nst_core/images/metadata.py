"""The recipe inside an image file: where each format stores it."""

from __future__ import annotations

import os
import warnings

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst_core.errors import ImageError
from nst_core.images.decode import decode_image, exif_of, read_bytes
from nst_core.images.tiff import DESCRIPTION, tags_of

__all__ = ["KEY", "read_recipe", "recipe_exif", "recipe_png_info"]

KEY = "nst-recipe"
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
# In EXIF 2.3 the first eight bytes of a user comment name its character code; UTF-8 has none, so the code is
# "undefined". Cameras write such comments too, so the key follows.
_COMMENT = b"\0" * 8 + f"{KEY}\n".encode()


def recipe_png_info(recipe: str) -> PngInfo:
    """Return PNG text chunks with a recipe, in UTF-8; none for an empty recipe."""
    info = PngInfo()
    if recipe:
        info.add_itxt(KEY, recipe)
    return info


def recipe_exif(recipe: str) -> Image.Exif:
    """Return EXIF data with a recipe in the user comment; none for an empty recipe."""
    exif = Image.Exif()
    if recipe:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _COMMENT + recipe.encode()
    return exif


def read_recipe(path: str | os.PathLike[str]) -> str:
    """Return the recipe, as TOML, that an image made by this framework carries.

    Raises:
        ImageError: the file cannot be read, carries no recipe, or the recipe is damaged.
    """
    name = os.fspath(path)
    image = decode_image(read_bytes(path, "image"), name, "image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # Python's, of escapes that it does not know
            recipe = _carried(image)
    except (UnicodeDecodeError, DeprecationWarning) as error:
        raise ImageError(f"the recipe in '{name}' is damaged: {error}; use the original file") from None
    if recipe is None:
        raise ImageError(
            f"'{name}' contains no recipe; use the file that nst saved, since many programs remove the recipe when "
            "they edit or send an image"
        )
    return recipe


def _carried(image: Image.Image) -> str | None:
    comment = exif_of(image).get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    description = tags_of(image).get(DESCRIPTION, "")
    if KEY in image.info:
        return str(image.info[KEY])
    if isinstance(comment, bytes) and comment.startswith(_COMMENT):
        return comment.removeprefix(_COMMENT).decode()
    if isinstance(description, str) and description.startswith(KEY):
        return description.removeprefix(KEY).lstrip("\n").encode("latin-1", "backslashreplace").decode("unicode_escape")
    return None
