"""Clips that are pictures: folders of numbered ones, and animations."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from nst_core.errors import ImageError
from nst_core.images.read import decode
from nst_core.video.flow import Frame
from nst_core.video.reading import resized

__all__ = ["PICTURE_RATE", "Animation", "PictureFolder", "is_animation", "numbered_pictures"]

PICTURE_RATE = Fraction(25)
"""Frames a second of a folder of pictures, unless told otherwise."""

_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


def numbered_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder with a number in their name, by the last number in it.

    Raises:
        ImageError: the folder cannot be read.
    """
    found = []
    try:
        inside = list(folder.iterdir())
    except OSError as error:
        raise ImageError(f"the folder '{folder}' cannot be read: {error}") from error
    for path in inside:
        numbers = re.findall(r"\d+", path.stem)
        if numbers and path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file():
            found.append((int(numbers[-1]), path.name, path))
    return [path for _, _, path in sorted(found)]


@dataclass(frozen=True)
class _File:
    path: Path

    def pixels(self, size: tuple[int, int]) -> Frame:
        """Return the picture, upright, at a height and width."""
        try:
            return resized(np.asarray(decode(self.path, "frame").image), size)
        except ImageError:
            if not _is_nothing(self.path):
                raise
            return np.full((*size, 3), 255, np.uint8)


def _is_nothing(path: Path) -> bool:
    """Say whether a picture is transparent everywhere."""
    try:
        with Image.open(path) as image:
            return image.convert("RGBA").getchannel("A").getextrema() == (0, 0)
    except _UNREADABLE:
        return False


class PictureFolder:
    """The numbered pictures of a folder, at an even pace; see :class:`nst_core.video.reading.Reader`."""

    def __init__(self, folder: str | os.PathLike[str], rate: Fraction) -> None:
        """List the pictures.

        Raises:
            ImageError: there are none, or they have several sizes.
        """
        self._files = numbered_pictures(Path(folder))
        if not self._files:
            raise ImageError(
                f"the folder '{os.fspath(folder)}' has no numbered pictures; name them like frame-0001.png"
            )
        self.size = _size(self._files[0])
        for file in self._files[1:]:
            other = _size(file)
            if other != self.size:
                (height, width), (h, w) = self.size, other
                raise ImageError(
                    f"the frames of a clip have one size, but '{self._files[0]}' has {width}×{height} pixels and "
                    f"'{file}' {w}×{h}; resize them, or move one away"
                )
        self.rate, self.duration, self.tick = rate, len(self._files) / rate, Fraction(0)
        self.has_sound = False
        self.remarks: tuple[str, ...] = ()
        self.trouble = ""

    def read(self, start: Fraction) -> Iterator[tuple[Fraction, _File]]:
        """Give times and pictures."""
        for number in range(max(0, int(start * self.rate)), len(self._files)):
            yield number / self.rate, _File(self._files[number])


def is_animation(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is an animated WebP or PNG, by its head."""
    if Path(path).suffix.lower() not in (".webp", ".png", ".apng"):
        return False
    try:
        with Image.open(path) as image:
            return bool(getattr(image, "is_animated", False))
    except _UNREADABLE:
        return False


@dataclass(frozen=True)
class _Picture:
    image: Image.Image

    def pixels(self, size: tuple[int, int]) -> Frame:
        """Return the picture at a height and width; what is transparent over white."""
        white = Image.new("RGBA", self.image.size, (255, 255, 255, 255))
        return resized(np.asarray(Image.alpha_composite(white, self.image).convert("RGB")), size)


class Animation:
    """An animated WebP or PNG; see :class:`nst_core.video.reading.Reader`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Look at the head.

        Raises:
            ImageError: the file cannot be read.
        """
        self._path, self.trouble, self.has_sound, self.tick = path, "", False, Fraction(0)
        with self._opened() as image:
            self.size = (image.size[1], image.size[0])
        times: list[Fraction] = []
        transparent = False
        for length, image in self._durations():
            transparent = transparent or (not times and image.getchannel("A").getextrema() != (255, 255))
            times.append(length)
        if not times:
            raise ImageError(f"the clip '{os.fspath(path)}' has no frame that can be read; is it complete?")
        self.duration, self.trouble = sum(times, Fraction(0)), ""
        self.rate = len(times) / self.duration
        said = f"the clip '{os.fspath(path)}' has transparency, which is seen over white; the painted one has none"
        self.remarks: tuple[str, ...] = (said,) if transparent else ()

    def read(self, start: Fraction) -> Iterator[tuple[Fraction, _Picture]]:  # noqa: ARG002 - it is quick enough
        """Give times and pictures."""
        time = Fraction(0)
        for length, image in self._durations():
            yield time, _Picture(image)
            time += length

    def _durations(self) -> Iterator[tuple[Fraction, Image.Image]]:
        with self._opened() as image:
            for number in range(int(getattr(image, "n_frames", 1))):
                try:
                    image.seek(number)
                    frame = image.convert("RGBA")
                except _UNREADABLE as error:
                    self.trouble = f"the clip '{os.fspath(self._path)}' breaks off after {number} frames ({error})"
                    return
                length = Fraction(str(image.info.get("duration", 0))) / 1000
                yield length or 1 / PICTURE_RATE, frame

    def _opened(self) -> Image.Image:
        try:
            return Image.open(self._path)
        except _UNREADABLE as error:
            raise ImageError(f"the clip '{os.fspath(self._path)}' cannot be read: {error}") from error


def _size(path: Path) -> tuple[int, int]:
    """Return height and width of a picture as it looks upright, from the file's header."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # orientation
            width, height = image.size
    except _UNREADABLE as error:
        raise ImageError(f"the frame '{path}' cannot be read: {error}; save it again, or move it away") from error
    return (width, height) if turned else (height, width)
