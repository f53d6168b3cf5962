"""Files with video, read by FFmpeg through PyAV: upright, with square pixels, in RGB by the file's own matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from nst_core.errors import ImageError
from nst_core.video.extras import pyav
from nst_core.video.flow import Frame
from nst_core.video.reading import resized

__all__ = ["VideoFile", "opened"]

_STILLS = ("png_pipe", "jpeg_pipe", "image2", "bmp_pipe", "tiff_pipe", "webp_pipe", "ppm_pipe", "jpegxl_pipe")
_TEXTS = ("tty", "bin", "xbin", "adf", "idf")  # which FFmpeg draws as pictures
_HD = 720  # lines from which video without a matrix is BT.709, as players assume
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_HDR = {16: "PQ", 18: "HLG"}
_MISSING = 3  # frames that a file says to have and does not, for it to be broken
_SEEK_BACK = Fraction(1)  # seconds: containers' times of key frames may be a little late


class VideoFile:
    """A file with video; see :class:`nst_core.video.reading.Reader`.

    Attributes:
        origin: what the file calls the time of its first frame, in seconds.
    """

    def __init__(self, path: str) -> None:
        """Look at the file's head and its first frame.

        Raises:
            ImageError: it cannot be read, or there is no picture in it.
        """
        self.path, self.trouble = path, ""
        with opened(path) as container:
            if container.format.name in _STILLS:
                raise ImageError(f"'{path}' is a picture, not a clip; paint it with: nst run {path} STYLE")
            if container.format.name in _TEXTS:
                raise ImageError(f"'{path}' is a text, not a clip; give a video file, or a folder of numbered pictures")
            stream = _video(container, path)
            first = next(_first_frames(container, stream), None)
            if first is None:
                raise ImageError(f"the clip '{path}' has no frame that can be read; is it complete?")
            self.origin = _seconds(first, stream)
            self.has_sound = any(s.type == "audio" for s in container.streams)
            self._aspect = stream.sample_aspect_ratio or Fraction(1)
            self._turn = int(first.rotation) % 360
            self.size = self._size(first)
            rate = stream.average_rate or stream.guessed_rate or stream.base_rate
            self.rate = Fraction(rate) if rate else Fraction(25)
            self.tick = Fraction(stream.time_base) if stream.time_base else Fraction(0)
            self.duration = _duration(container, stream, self.rate)
            self.remarks = tuple(_remarks(first, path))

    def _size(self, frame: Any) -> tuple[int, int]:
        height, width = frame.height, frame.width
        if self._aspect > 1:
            width = max(1, round(width * self._aspect))
        elif self._aspect < 1:
            height = max(1, round(height / self._aspect))
        return (width, height) if self._turn in (90, 270) else (height, width)

    def read(self, start: Fraction) -> Iterator[tuple[Fraction, _Decoded]]:
        """Give times and frames; those before ``start`` are left out where the file can be entered there."""
        self.trouble, count, last, ends = "", 0, Fraction(0), Fraction(0)
        av = pyav()
        with opened(self.path) as container:
            stream = _video(container, self.path)
            target = start + self.origin - _SEEK_BACK
            if start > _SEEK_BACK and stream.time_base:
                try:
                    container.seek(int(target / stream.time_base), stream=stream, backward=True)
                except av.FFmpegError:
                    container.seek(0)
            try:
                for frame in _decoded(container, stream):
                    time = _seconds(frame, stream) - self.origin
                    if count and time <= last:  # some files say no time, or the same one twice
                        time = last + 1 / self.rate
                    count, last = count + 1, time
                    ends = time + max(Fraction(0), (frame.duration or 0) * Fraction(frame.time_base or 0))
                    yield time, _Decoded(frame, self._turn)
            except av.FFmpegError as error:
                self.trouble = self._broken(last, str(error))
        if not self.trouble and max(last + _MISSING / self.rate, ends) < self.duration:
            self.trouble = self._broken(last, "")

    def _broken(self, last: Fraction, reason: str) -> str:
        of = f" of {float(self.duration):.2f}" if self.duration else ""
        why = f" ({reason})" if reason else ""
        return f"the clip '{self.path}' breaks off after {float(last):.2f}{of} seconds{why}; what there is was painted"


@dataclass(frozen=True)
class _Decoded:
    frame: Any
    turn: int

    def pixels(self, size: tuple[int, int]) -> Frame:
        """Return the frame, upright, at a height and width."""
        found = np.rot90(_rgb(self.frame), self.turn // 90)
        return resized(found, size)


def opened(path: str) -> Any:
    """Open a file, and nothing but a file: names are no addresses, and a playlist leads nowhere.

    Raises:
        ImageError: FFmpeg cannot read it.
    """
    av = pyav()
    try:
        return av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = "the file is empty" if _is_empty(path) else str(error).split(":")[0].removeprefix("[").strip()
        raise ImageError(
            f"the clip '{path}' cannot be read: {reason or error}; give a video file, or a folder of numbered pictures"
        ) from error


def _is_empty(path: str) -> bool:
    from pathlib import Path

    try:
        return Path(path).stat().st_size == 0
    except OSError:
        return False


def _video(container: Any, path: str) -> Any:
    """Return the stream of pictures, which is no cover of an album."""
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise ImageError(f"'{path}' has no video in it, only sound; give a file with pictures")
    stream = streams[0]
    stream.thread_type = "AUTO"
    return stream


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Give the frames of a stream; with their transparency, which FFmpeg's own decoder of VP8 and VP9 leaves out."""
    able = _WITH_ALPHA.get(stream.codec_context.name) if stream.metadata.get("alpha_mode") == "1" else None
    if able is None:
        yield from container.decode(stream)
        return
    decoder = pyav().codec.CodecContext.create(able, "r")
    decoder.extradata = stream.codec_context.extradata
    for packet in container.demux(stream):
        yield from decoder.decode(packet if packet.size else None)


def _first_frames(container: Any, stream: Any) -> Iterator[Any]:
    """Give frames as far as there are some: nothing is said about what breaks off."""
    with suppress(pyav().FFmpegError):
        yield from _decoded(container, stream)


def _seconds(frame: Any, stream: Any) -> Fraction:
    base = frame.time_base or stream.time_base
    return int(frame.pts) * Fraction(base) if frame.pts is not None and base else Fraction(0)


def _duration(container: Any, stream: Any, rate: Fraction) -> Fraction:
    """Return how many seconds the pictures last, 0 where nothing says it: the sound may last longer."""
    if stream.duration and stream.time_base:
        return Fraction(stream.duration * stream.time_base)
    if stream.frames:
        return int(stream.frames) / rate
    said = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if said:
        hours, minutes, seconds = (Fraction(part) for part in said.groups())
        return 3600 * hours + 60 * minutes + seconds
    if container.duration and not container.streams.audio:
        return Fraction(container.duration, 1_000_000)
    return Fraction(0)


def _remarks(frame: Any, path: str) -> Iterator[str]:
    if _has_alpha(frame) and frame.to_ndarray(format="rgba")[..., 3].min() < 255:
        yield f"the clip '{path}' has transparency, which is seen over white; the painted one has none"
    hdr = _HDR.get(int(frame.color_trc or 0))
    if hdr:
        yield f"the clip '{path}' is HDR ({hdr}) and is not tone-mapped: its colours look pale; convert it to SDR first"


def _has_alpha(frame: Any) -> bool:
    name = frame.format.name
    return str(name).startswith(("yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "pal8"))


def _rgb(frame: Any) -> Frame:
    """Return a decoded frame in RGB, ``(H, W, 3)``, by its own matrix and range; what is transparent over white."""
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    alpha = _has_alpha(frame)
    matrices = {number: Colorspace(number) for number in (1, 4, 7, 9)}
    matrices |= {5: Colorspace.ITU601, 6: Colorspace.ITU601, 10: Colorspace.BT2020}
    usual = Colorspace.ITU709 if frame.height >= _HD else Colorspace.ITU601
    found = frame.reformat(
        format="rgba" if alpha else "rgb24",
        src_colorspace=matrices.get(int(frame.colorspace), usual),
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG if int(frame.color_range) == ColorRange.JPEG else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.BITEXACT
        | Interpolation.FULL_CHR_H_INT,
        threads=1,
    ).to_ndarray()
    if not alpha:
        return np.asarray(found)
    share = found[..., 3:].astype(np.float32) / 255.0
    over: Frame = np.rint(found[..., :3] * share + 255.0 * (1.0 - share)).astype(np.uint8)
    return over
