"""Frames of clips: from any file that FFmpeg reads, or from a folder of numbered pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from nst_core.errors import ImageError, JobError
from nst_core.files import exists, is_folder
from nst_core.video.flow import Frame

__all__ = ["CLIP_SUFFIXES", "ClipFrame", "ClipInfo", "ClipSource", "Reader", "is_clip"]

CLIP_SUFFIXES = frozenset(
    {f".{name}" for name in ("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "mts", "m2ts", "wmv")}
    | {f".{name}" for name in ("flv", "ogv", "3gp", "gif", "apng", "y4m")}
)
"""Suffixes of files that are taken for clips. Any other file may be one, too, if it is named as the clip."""


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip before its frames are read.

    Attributes:
        size: height and width of a frame as it is given: upright, with square pixels.
        rate: frames a second as they are given, on average.
        frames: how many frames are expected, 0 where that is not known.
        has_sound: whether there is a track of sound.
        remarks: for the user.
    """

    size: tuple[int, int]
    rate: Fraction
    frames: int
    has_sound: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClipFrame:
    """A frame.

    Attributes:
        number: from 0, of those that are given.
        time: seconds since the first one.
        pixels: ``(H, W, 3)`` uint8, RGB.
        moment: seconds since the beginning of the clip.
    """

    number: int
    time: Fraction
    pixels: Frame = field(repr=False)
    moment: Fraction = Fraction(0)


class Reader(Protocol):
    """What gives the frames of one kind of clip, at their own times and size.

    Attributes:
        size: height and width, upright and with square pixels.
        rate: frames a second, on average.
        tick: seconds to which times are rounded.
        duration: seconds, 0 where that is not known.
        has_sound: whether there is sound.
        remarks: for the user.
        trouble: what was wrong with the last reading, "" for nothing.
    """

    size: tuple[int, int]
    rate: Fraction
    tick: Fraction
    duration: Fraction
    has_sound: bool
    remarks: tuple[str, ...]
    trouble: str

    def read(self, start: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """Give times in seconds since the beginning, and frames; some of those before ``start`` may be left out."""


class Still(Protocol):
    """A frame that was read and not converted yet, since many are left out."""

    def pixels(self, size: tuple[int, int]) -> Frame:
        """Return the frame, upright, at a height and width."""


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Say whether a path is that of a clip: a file with the suffix of one, an animation, or a folder of pictures."""
    from nst_core.video.pictures import is_animation, numbered_pictures

    if is_folder(path):
        return bool(numbered_pictures(Path(path)))
    if is_animation(path):
        return True
    return Path(path).suffix.lower() in CLIP_SUFFIXES


class ClipSource:
    """The frames of a clip that are asked for.

    Attributes:
        info: what is known of them.
        trouble: what was wrong with the file when its frames were read to the end, "" for nothing.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        start: float | None = None,
        end: float | None = None,
        fps: float | None = None,
        every: int = 1,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Open a clip.

        Args:
            path: a file, or a folder of numbered pictures, which are 25 frames a second unless ``fps`` is given.
            start: seconds from the beginning at which to begin.
            end: seconds at which to end; a frame at that time is not given.
            fps: frames a second at an even pace, each the last one of the clip by its time; by default the clip's own
                frames at their own times.
            every: give every n-th of these frames alone.
            size: height and width to resize the frames to.

        Raises:
            ImageError: the file cannot be read, or there is no picture in it.
            JobError: the times or the rate make no sense.
        """
        _check_times(start or 0.0, end, fps, every)
        self._path, self._start, self._every = os.fspath(path), Fraction(str(start or 0)), every
        self._end = None if end is None else Fraction(str(end))
        self._reader, given = _opened(self._path, fps)
        self._slack = min(self._reader.tick, Fraction(1, 1000)) / 2  # by which containers round
        self._fps = given
        duration = self._reader.duration
        if duration and self._start >= duration:
            raise JobError(f"the clip '{path}' has {float(duration):.2f} seconds, and is to begin at {start:g}")
        rate = (self._fps or self._reader.rate) / every
        length = (min(duration, self._end) if self._end is not None else duration) - self._start if duration else 0
        self.info = ClipInfo(
            size=size or self._reader.size,
            rate=rate,
            frames=max(1, -int(-length * rate // 1)) if length else 0,
            has_sound=self._reader.has_sound,
            remarks=self._reader.remarks,
        )

    @property
    def trouble(self) -> str:
        """What was wrong with the file when its frames were read, "" for nothing."""
        return self._reader.trouble

    def first(self) -> ClipFrame:
        """Return the first frame.

        Raises:
            ImageError: there is none, or the clip cannot be read.
        """
        found = next(self.frames(), None)
        if found is None:
            raise ImageError(f"'{self._path}' has no frame in the time that is asked for")
        return found

    def frames(self, skip: int = 0) -> Iterator[ClipFrame]:
        """Give the frames, in order.

        Args:
            skip: how many to leave out at the beginning; the others have the same numbers and times.

        Raises:
            ImageError: the clip cannot be read.
        """
        first: Fraction | None = None
        for number, (time, still) in enumerate(self._chosen()):
            first = time if first is None else first
            if number >= skip:
                yield ClipFrame(number, time - first, still.pixels(self.info.size), time)

    def _chosen(self) -> Iterator[tuple[Fraction, Still]]:
        for number, found in enumerate(self._evenly() if self._fps else self._own()):
            if number % self._every == 0:
                yield found

    def _own(self) -> Iterator[tuple[Fraction, Still]]:
        """Give the frames at their own times."""
        for time, still in self._reader.read(self._start):
            if self._after(time):
                return
            if time >= self._start - self._slack:
                yield time, still

    def _after(self, time: Fraction) -> bool:
        return self._end is not None and time >= self._end - self._slack

    def _evenly(self) -> Iterator[tuple[Fraction, Still]]:
        """Give at every tick the last frame by its time; the clip's last one lasts as long as one at its own rate."""
        assert self._fps is not None  # noqa: S101 - for the type checker
        number, shown, tick = 0, None, self._start
        last = tick
        for time, still in self._reader.read(self._start):
            while shown is not None and tick < time - self._slack and not self._after(tick):
                yield tick, shown
                number += 1
                tick = self._start + number / self._fps
            if self._after(time):
                break
            shown, last = still, time
        while shown is not None and tick < last + 1 / self._reader.rate - self._slack and not self._after(tick):
            yield tick, shown
            number += 1
            tick = self._start + number / self._fps


def _check_times(start: float, end: float | None, fps: float | None, every: int) -> None:
    if not 0 <= start < math.inf:
        raise JobError(f"a clip begins at 0 seconds, not at {start:g}")
    if end is not None and not start < end < math.inf:
        raise JobError(f"the end, {end:g} seconds, must be after the start, {start:g}")
    if fps is not None and not 0.001 <= fps <= 1000:
        raise JobError(f"the frames a second must be from 0.001 to 1000, not {fps:g}")
    if every < 1:
        raise JobError(f"every how many frames one is taken must be at least 1, not {every}")


def _opened(path: str, fps: float | None) -> tuple[Reader, Fraction | None]:
    """Open a clip; return also the rate that its frames are to be brought to, if that is another one."""
    from nst_core.video.container import VideoFile
    from nst_core.video.pictures import PICTURE_RATE, Animation, PictureFolder, is_animation

    rate = None if fps is None else Fraction(fps).limit_denominator(100_000)
    if is_folder(path):
        return PictureFolder(path, rate or PICTURE_RATE), None
    if not exists(path):
        raise ImageError(f"the clip '{path}' does not exist")
    return (Animation if is_animation(path) else VideoFile)(path), rate


def resized(frame: Frame, size: tuple[int, int]) -> Frame:
    """Return a frame at a height and width, by Lanczos' kernel, antialiased."""
    if frame.shape[:2] == size:
        return np.ascontiguousarray(frame)
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.LANCZOS))
