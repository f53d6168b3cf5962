"""The recipe that an image carries: where each format keeps it."""

from __future__ import annotations

import os

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst_core.errors import ImageError
from nst_core.images.decode import decode_image, read_bytes

__all__ = ["KEY", "read_recipe", "recipe_exif", "recipe_png_info"]

KEY = "nst-recipe"
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_DESCRIPTION = 270
# EXIF 2.3 begins a user comment with eight bytes that name its code; UTF-8 has none, so it is "undefined". Cameras
# write such comments too.
_COMMENT = b"\0" * 8 + f"{KEY}\n".encode()


def recipe_png_info(recipe: str) -> PngInfo:
    """Return the PNG chunks that hold a recipe, as UTF-8."""
    info = PngInfo()
    if recipe:
        info.add_itxt(KEY, recipe)
    return info


def recipe_exif(recipe: str) -> Image.Exif:
    """Return the EXIF data that holds a recipe, in the user comment."""
    exif = Image.Exif()
    if recipe:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _COMMENT + recipe.encode()
    return exif


def read_recipe(path: str | os.PathLike[str]) -> str:
    """Return the recipe that an image made by this framework carries, as TOML.

    Raises:
        ImageError: the file cannot be read, or carries none or a damaged one.
    """
    name = os.fspath(path)
    image = decode_image(read_bytes(path, "image"), name, "image")
    try:
        recipe = _carried(image)
    except UnicodeDecodeError as error:
        raise ImageError(f"the recipe that '{name}' carries is damaged: {error}") from None
    if recipe is None:
        raise ImageError(
            f"'{name}' carries no recipe; only images saved by this framework do, and many programs that edit or send "
            "images remove it"
        )
    return recipe


def _carried(image: Image.Image) -> str | None:
    comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    description = getattr(image, "tag_v2", {}).get(_DESCRIPTION, "")
    if KEY in image.info:
        return str(image.info[KEY])
    if isinstance(comment, bytes) and comment.startswith(_COMMENT):
        return comment.removeprefix(_COMMENT).decode()
    if isinstance(description, str) and description.startswith(KEY):
        return description.removeprefix(KEY).lstrip("\n").encode("latin-1", "backslashreplace").decode("unicode_escape")
    return None
