"""TIFF files with samples that Pillow does not open, or opens with less precision (source: TIFF 6.0, Adobe 1992)."""

from __future__ import annotations

import io
import reprlib
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

import numpy as np
import tifffile
from PIL import Image

from nst_core.errors import ImageError
from nst_core.images.depth import SampleFormat, to_eight_bits

__all__ = ["DESCRIPTION", "decode_tiff", "is_deep_colour", "is_tiff", "sample_format", "tags_of"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BITS, _PHOTOMETRIC, _MAX_SAMPLE, _FORMAT, _SIGNED_MAX_SAMPLE = 258, 262, 281, 339, 341
DESCRIPTION = 270
_ORIENTATION, _EXTRA_SAMPLES, _PROFILE = 274, 338, 34675
_KINDS: dict[int, Literal["unsigned", "signed", "float"]] = {1: "unsigned", 2: "signed", 3: "float", 4: "unsigned"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _CMYK: 4}
_ASSOCIATED_ALPHA, _ALPHA = 1, 2
# Deflate, of the compressions that tifffile reads by itself, makes data smaller by at most this factor.
_MOST_COMPRESSION = 1100

_FEWER_BITS = "save it with 8 or 16 bits per channel, for example with 'magick IN.tif -depth 16 OUT.png'"


def is_tiff(data: bytes) -> bool:
    """Say whether a file is a TIFF."""
    return data[:4] in _MAGIC


def tags_of(image: Image.Image) -> dict[int, Any]:
    """Return the tags about samples, and the description, of an image that Pillow opened; none if it is no TIFF.

    Pillow reads a tag when it is asked for. One that is damaged is left out.
    """
    tags, found = getattr(image, "tag_v2", {}), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for code in (_BITS, _PHOTOMETRIC, DESCRIPTION, _MAX_SAMPLE, _FORMAT, _SIGNED_MAX_SAMPLE):
            with suppress(Exception):  # readers raise whatever damaged data lead them to
                found[code] = tags[code]
    return found


def sample_format(tags: Mapping[int, Any]) -> SampleFormat | None:
    """Return the format of the samples by the tags of a TIFF; ``None`` if it is unknown or damaged."""
    bits, kind = _first(tags.get(_BITS, 1)), _KINDS.get(_first(tags.get(_FORMAT, 1)))
    if kind is None or not 1 <= bits <= 64:
        return None
    declared = 0.0
    for tag in (_MAX_SAMPLE, _SIGNED_MAX_SAMPLE):
        value = tags.get(tag)
        value = max(value) if isinstance(value, tuple) and value else value
        if isinstance(value, int | float) and 0 < value < 2.0**64:
            declared = float(value)
    return SampleFormat(kind, bits, _first(tags.get(_PHOTOMETRIC, 1)) == _WHITE_IS_ZERO, declared)


def _first(value: Any) -> int:
    value = value[0] if isinstance(value, tuple) and value else value
    return int(value) if isinstance(value, int) else -1


def is_deep_colour(image: Image.Image) -> bool:
    """Say whether an image that Pillow opened is a TIFF in colour of which Pillow kept 8 of 16 bits."""
    return image.mode in ("RGB", "RGBA", "CMYK") and _first(tags_of(image).get(_BITS, 1)) == 16


def decode_tiff(data: bytes, what: str, check_size: Callable[[tuple[int, int]], None]) -> Image.Image:
    """Decode a TIFF of any sample format to 8 bits, with its colour profile and orientation.

    Args:
        data: the whole file.
        what: begins messages: role and path of the image.
        check_size: refuses a width and height.

    Raises:
        ImageError: the samples or their compression are not supported; names them and says what to do.
        Exception: whatever a damaged file makes of the decoder.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        tags = {tag.code: tag.value for tag in page.tags}
        form = sample_format(tags)
        photometric, height, width = int(page.photometric), page.imagelength, page.imagewidth
        samples, colours = page.samplesperpixel, _COLOURS.get(photometric)
        if not all(isinstance(number, int) and number > 0 for number in (height, width, samples)):
            raise ValueError("its size is not one number")  # what a damaged count of values makes of it
        check_size((width, height))
        name = (
            f"{form} samples"
            if form
            else f"samples of format {reprlib.repr(tags.get(_FORMAT))} with {reprlib.repr(tags.get(_BITS))} bits"
        )
        if form is None or page.dtype is None or page.dtype.kind not in "uif" or page.imagedepth != 1:
            raise ImageError(f"{what} has {name} in {samples} channels, which nst cannot read; {_FEWER_BITS}")
        if colours is None or not colours <= samples <= colours + 4:
            meaning = f"{samples} channels as {getattr(page.photometric, 'name', photometric)}"
            raise ImageError(f"{what} has {name} and {meaning}, which nst cannot read; {_FEWER_BITS}")
        if height * width * samples * page.dtype.itemsize > _MOST_COMPRESSION * len(data):
            raise ValueError("it holds less data than its size needs")
        try:
            array = np.asarray(page.asarray())
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            how = getattr(page.compression, "name", page.compression)
            raise ImageError(
                f"{what} has {name} with {how} compression, which nst cannot read; save it without compression, or "
                f"{_FEWER_BITS}"
            ) from None
    if array.size != height * width * samples:
        raise ValueError("its channels do not have the size that it says")
    separate = samples > 1 and int(page.planarconfig) == 2
    array = np.moveaxis(array.reshape(samples, height, width), 0, -1) if separate else array
    return _as_image(array.reshape(height, width, samples), form, photometric, tags)


def _as_image(array: np.ndarray[Any, Any], form: SampleFormat, photometric: int, tags: dict[int, Any]) -> Image.Image:
    colours = _COLOURS[photometric]
    extra = tags.get(_EXTRA_SAMPLES, ())
    extra = extra if isinstance(extra, tuple) else (extra,)
    alpha = array.shape[-1] > colours and bool(extra) and extra[0] in (_ASSOCIATED_ALPHA, _ALPHA) and colours != 4
    scaled = to_eight_bits(array[..., : colours + alpha], form, colours=colours)
    if alpha:
        mode = "La" if colours == 1 else "RGBa"
        image = Image.frombytes(mode if extra[0] == _ASSOCIATED_ALPHA else mode.upper(), *_raw(scaled))
        image = image.convert(mode.upper())
    else:
        image = Image.frombytes({1: "L", 3: "RGB", 4: "CMYK"}[colours], *_raw(scaled))
    if isinstance(profile := tags.get(_PROFILE), bytes):
        image.info["icc_profile"] = profile
    image.getexif()[_ORIENTATION] = _first(tags.get(_ORIENTATION, 1))
    return image


def _raw(scaled: np.ndarray[Any, Any]) -> tuple[tuple[int, int], bytes]:
    return (scaled.shape[1], scaled.shape[0]), scaled.tobytes()
