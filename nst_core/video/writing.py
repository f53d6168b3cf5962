"""Writing clips: frames with their times into a file, with the sound of another. Needs PyAV, the extra ``video``."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from nst_core.errors import ImageError, JobError, unknown_name
from nst_core.files import atomic_write, check_writable
from nst_core.video.extras import pyav
from nst_core.video.flow import Frame
from nst_core.video.gif import GifWriter
from nst_core.video.reading import ClipFrame
from nst_core.video.sound import Sound

__all__ = ["CLIP_OUTPUTS", "Encoding", "check_clip_output", "write_clip"]

CLIP_OUTPUTS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".gif": "gif"}
"""Suffixes of files that can be written, and FFmpeg's names of their containers."""
_CODECS = {"webm": "libvpx-vp9", "gif": "gif"}
_LOSSLESS = {"matroska": "ffv1", "mp4": "libx264rgb", "mov": "libx264rgb"}
# The default of crf, and the largest one; where two encoders make the same codec, they count alike.
_CRF = {
    "libx264": (18, 51),
    "libx264rgb": (18, 51),
    "libx265": (22, 51),
    "libvpx": (10, 63),
    "libvpx-vp9": (30, 63),
    "libaom-av1": (30, 63),
    "libsvtav1": (30, 63),
}
# The first of these that an encoder takes.
_KINDS = ("yuv420p", "yuvj420p", "rgb24", "bgr0", "gbrp", "bgra", "yuv422p", "yuv422p10le", "yuv444p", "yuv444p10le")
_EXACT = {"ffv1": "bgr0", "libx264rgb": "rgb24"}
# The bytes depend on how many threads there are, so there are as many on any machine.
_THREADS = 4
_OPTIONS = {
    "libx265": {"x265-params": "log-level=none:frame-threads=2"},
    "libvpx": {"cpu-used": "2", "b": "0"},
    "libvpx-vp9": {"cpu-used": "2", "b": "0"},
    "prores_ks": {"profile": "hq"},
}
_TICKS = 90_000
"""Least number of moments a second that a frame may be shown at, where the container allows it."""
_MOST_TICKS = {"mpeg4": 65_535}
"""What an encoder can count, if less than it is asked for."""
_KEYS_OF_MP4 = frozenset({"title", "artist", "album", "comment", "copyright", "date", "description", "genre"})
_TRIAL = (128, 128)
# Numbers of ISO/IEC 23091-2 (H.273), which FFmpeg's are, too.
_BT709, _BT601, _SRGB_CURVE, _RGB = 1, 5, 13, 0
_LIMITED, _FULL = 1, 2
_FULL_RANGE = frozenset({"mjpeg"})
"""Encoders of what has no other range."""


@dataclass(frozen=True)
class Encoding:
    """How a clip is encoded.

    Attributes:
        codec: FFmpeg's name of the encoder; by default H.264, or what the suffix demands.
        crf: quality as the encoder counts it, less is better; by default one at which little is lost.
        lossless: keep every pixel.
    """

    codec: str = ""
    crf: int | None = None
    lossless: bool = False


def check_clip_output(
    target: Path, encoding: Encoding, *, rate: Fraction = Fraction(25), size: tuple[int, int] = _TRIAL
) -> None:
    """Check that a clip could be written, before any work; a frame is encoded in memory.

    Args:
        target: the file.
        encoding: how.
        rate: frames a second.
        size: height and width of the frames.

    Raises:
        JobError: the suffix is unknown, there is no such encoder, it does not fit, or the quality is out of range; or
            PyAV is not installed.
        ImageError: the folder cannot be written to.
    """
    form = _form(target)
    codec = _codec(target, encoding)
    check_writable(target, ImageError)
    av = pyav()
    frame = np.zeros((*size, 3), np.uint8)
    try:
        with av.open(io.BytesIO(), "w", format=form) as container:
            writer = _writer(container, codec, encoding, rate, size)
            for packet in (*writer.encoded(frame, Fraction(0), 1 / rate), *writer.rest()):
                container.mux(packet)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise JobError(
            f"the encoder '{codec}' cannot make a {target.suffix} file ({_said(error)}); choose another one, or "
            "another suffix: .mkv holds nearly everything"
        ) from None


def write_clip(
    target: Path,
    frames: Iterable[ClipFrame],
    *,
    rate: Fraction,
    encoding: Encoding | None = None,
    sound: str | Path | None = None,
    start: float | Fraction = 0.0,
    end: float | None = None,
    metadata: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Write a clip, which appears complete or not at all. The same frames make the same bytes.

    Frames keep their times, as exactly as the container allows: to a millisecond in Matroska and WebM, to a hundredth
    of a second in a GIF. Colours are those of BT.709; where the codec needs an even size, the last row or column is
    repeated.

    Args:
        target: the file; its suffix decides the container.
        frames: all of one size, in order.
        rate: frames a second, on average; the last one is shown for 1/rate seconds.
        encoding: how.
        sound: a file whose sound is taken over, at ``start`` of which the frames begin.
        start: seconds from the beginning of ``sound``.
        end: seconds from the beginning of ``sound``, where it ends.
        metadata: what the file says about itself, such as a comment.

    Returns:
        Remarks for the user.

    Raises:
        JobError: see :func:`check_clip_output`.
        ImageError: the file cannot be written, there is no frame, or the sound cannot be read.
    """
    encoding = encoding or Encoding()
    check_clip_output(target, encoding)
    form, codec, av = _form(target), _codec(target, encoding), pyav()
    given = iter(frames)
    first = next(given, None)
    if first is None:
        raise ImageError(f"there is no frame to write to '{target}'")
    remarks: list[str] = []
    if sound is not None and form == "gif":
        remarks.append("the sound is left out: a GIF has none")
        sound = None
    try:
        with (
            atomic_write(target, target.suffix) as temporary,
            av.open(
                f"file:{temporary}", "w", format=form, container_options=_container_options(form, metadata or {})
            ) as output,
        ):
            output.metadata.update(metadata or {})
            writer = _writer(output, codec, encoding, rate, first.pixels.shape[:2])
            heard = None if sound is None else Sound(sound, output, start=start, end=end)
            try:
                _mux(output, writer, _with_durations(first, given, 1 / rate), heard)
            finally:
                if heard is not None:
                    heard.close()
                    remarks.extend(filter(None, [heard.remark]))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ImageError(f"'{target}' cannot be written: {_said(error)}") from error
    return tuple(remarks)


def _mux(
    output: Any, writer: _Writer | GifWriter, frames: Iterator[tuple[ClipFrame, Fraction]], sound: Sound | None
) -> None:
    """Encode the frames and put what is heard beside what is seen, so that little has to wait in memory."""
    for frame, duration in frames:
        for packet in writer.encoded(frame.pixels, frame.time, duration):
            seen = packet.dts * Fraction(packet.time_base)
            for part in sound.until(seen) if sound else ():
                output.mux(part)
            output.mux(packet)
    for packet in writer.rest():
        seen = packet.dts * Fraction(packet.time_base)
        for part in sound.until(seen) if sound else ():
            output.mux(part)
        output.mux(packet)
    for part in sound.until(None) if sound else ():
        output.mux(part)


def _with_durations(
    first: ClipFrame, others: Iterator[ClipFrame], last: Fraction
) -> Iterator[tuple[ClipFrame, Fraction]]:
    frame = first
    for following in others:
        if following.time <= frame.time:
            raise ImageError(f"frame {following.number} is not later than the one before, {float(frame.time):g} s")
        yield frame, following.time - frame.time
        frame = following
    yield frame, last


def _form(target: Path) -> str:
    form = CLIP_OUTPUTS.get(target.suffix.lower())
    if form is None:
        raise JobError(f"cannot tell the format of the clip '{target}' from its suffix; use {', '.join(CLIP_OUTPUTS)}")
    return form


def _codec(target: Path, encoding: Encoding) -> str:
    """Return the name of the encoder, after checks of what is asked of it."""
    form = _form(target)
    if encoding.lossless:
        return _lossless(target, form, encoding)
    codec = encoding.codec or _CODECS.get(form, "libx264")
    av = pyav()
    try:
        found = av.codec.Codec(codec, "w")
    except (av.codec.codec.UnknownCodecError, ValueError):
        raise unknown_name(
            "encoder", codec, av.codecs_available, "'ffmpeg -encoders' lists those of FFmpeg; this one may have less."
        ) from None
    if found.type != "video":
        raise JobError(f"'{codec}' is an encoder for {found.type}, not for pictures")
    if encoding.crf is not None:
        if found.name not in _CRF:
            raise JobError(f"the encoder '{codec}' has no crf; leave it out, or use one of {', '.join(_CRF)}")
        most = _CRF[found.name][1]
        if not 0 <= encoding.crf <= most:
            raise JobError(f"crf is {encoding.crf}; that of '{codec}' is from 0 to {most}")
    return str(found.name)


def _lossless(target: Path, form: str, encoding: Encoding) -> str:
    codec = encoding.codec or _LOSSLESS.get(form, "")
    if codec not in _EXACT or form not in _LOSSLESS or (codec == "ffv1" and form != "matroska"):
        raise JobError(
            f"nothing lossless can be written to a {target.suffix} file"
            f"{f' with {encoding.codec}' if encoding.codec else ''}; use .mkv, for FFV1, or .mp4 or .mov, for H.264"
        )
    if encoding.crf is not None:
        raise JobError("crf is a quality, and lossless has none; give one of the two")
    return codec


def _container_options(form: str, metadata: Mapping[str, str]) -> dict[str, str]:
    options = {"fflags": "+bitexact"}  # no random identifiers, no versions
    if form in ("mp4", "mov"):
        free = "" if metadata.keys() <= _KEYS_OF_MP4 else "+use_metadata_tags"
        options["movflags"] = f"+faststart{free}"
    return options


def _writer(output: Any, codec: str, encoding: Encoding, rate: Fraction, size: tuple[int, int]) -> _Writer | GifWriter:
    return (GifWriter if codec == "gif" else _Writer)(output, codec, encoding, rate, size)


class _Writer:
    """An encoder, and the stream that it writes to."""

    def __init__(self, output: Any, codec: str, encoding: Encoding, rate: Fraction, size: tuple[int, int]) -> None:
        options = dict(_OPTIONS.get(codec, {}))
        if encoding.lossless and codec == "libx264rgb":
            options["qp"] = "0"
        elif codec in _CRF:
            options["crf"] = str(_CRF[codec][0] if encoding.crf is None else encoding.crf)
        stream = output.add_stream(codec, rate=rate, options=options)
        context = stream.codec_context
        self._kind = _kind(context.codec, codec)
        self._steps = (2 if "420" in self._kind else 1, 2 if "420" in self._kind or "422" in self._kind else 1)
        context.height, context.width = (
            step * math.ceil(side / step) for side, step in zip(size, self._steps, strict=True)
        )
        context.pix_fmt = self._kind
        context.thread_count = _THREADS
        is_rgb = pyav().VideoFormat(self._kind).is_rgb
        matrix = _BT601 if codec in ("libvpx", "mjpeg") else _BT709  # VP8 and JPEG cannot name another one
        self._tags = (_RGB, _FULL) if is_rgb else (matrix, _FULL if codec in _FULL_RANGE else _LIMITED)
        context.colorspace, context.color_range = self._tags
        context.color_primaries, context.color_trc = _BT709, _SRGB_CURVE if is_rgb else _BT709
        self.tick = context.time_base = _tick(rate, _MOST_TICKS.get(codec, 1_000_000))
        self._stream, self._size = stream, size
        self._durations: dict[int, int] = {}
        self._end = 0
        self._begin: int | None = None
        # These take the length from the last packet in the order of decoding, which need not be the last that is seen.
        self._by_decoding = output.format.name in ("mp4", "mov")

    def encoded(self, pixels: Frame, time: Fraction, duration: Fraction) -> Iterator[Any]:
        """Encode a frame; give the packets that are ready."""
        frame = self._frame(pixels)
        frame.pts, frame.time_base = round(time / self.tick), self.tick
        self._end = max(frame.pts + 1, round((time + duration) / self.tick))
        self._durations[frame.pts] = self._end - frame.pts
        yield from self._finished(self._stream.encode(frame))

    def rest(self) -> Iterator[Any]:
        """Give the last packets."""
        is_whole = self._begin is None
        packets = self._stream.encode(None)
        if is_whole and self._stream.codec_context.name == "libx265":
            _set_decoding_times(packets)
        packets = list(self._finished(packets))
        if packets and self._by_decoding:
            packets[-1].duration = max(1, self._end - (packets[-1].dts - self._begin))
        yield from packets

    def _finished(self, packets: Iterable[Any]) -> Iterator[Any]:
        for packet in packets:
            self._begin = packet.dts if self._begin is None else self._begin
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            yield packet

    def _frame(self, pixels: Frame) -> Any:
        """Convert a frame, made even by repeating its last row or column, as the tags of the stream say."""
        if pixels.shape[:2] != self._size:
            raise ImageError(
                f"all frames of a clip must have one size, but there are {self._size} and {pixels.shape[:2]}"
            )
        more = [(0, -side % step) for side, step in zip(self._size, self._steps, strict=True)]
        av = pyav()
        whole = np.ascontiguousarray(np.pad(pixels, [*more, (0, 0)], mode="edge"))
        methods = av.video.reformatter.Interpolation
        exact = methods.FULL_CHR_H_INT | methods.FULL_CHR_H_INP | methods.ACCURATE_RND | methods.BITEXACT
        space, span = self._tags
        frame = av.VideoFrame.from_ndarray(whole, format="rgb24").reformat(
            format=self._kind,
            dst_colorspace=space or None,
            src_color_range=_FULL,
            dst_color_range=span,
            interpolation=methods.BICUBIC | exact,
            threads=1,
        )
        frame.colorspace, frame.color_range = self._tags
        frame.color_primaries, frame.color_trc = _BT709, _SRGB_CURVE if space == _RGB else _BT709
        return frame


def _set_decoding_times(packets: list[Any]) -> None:
    """Give all packets of a short clip the latest decoding times; libx265 leaves those of a frame or two to chance."""
    times = sorted(packet.pts for packet in packets)
    delay = max((time - packet.pts for time, packet in zip(times, packets, strict=True)), default=0)
    for time, packet in zip(times, packets, strict=True):
        packet.dts = time - delay


def _kind(codec: Any, name: str) -> str:
    """Return the pixel format that frames are converted to."""
    able = [form.name for form in codec.video_formats or ()]
    wanted = (*((_EXACT[name],) if name in _EXACT else ()), *_KINDS)
    return next((kind for kind in wanted if kind in able), str(able[0]) if able else wanted[0])


def _tick(rate: Fraction, most: int) -> Fraction:
    """Return a time base of which 1/rate is a multiple, unless the rate is a strange one."""
    if rate.numerator > most:
        return Fraction(1, min(_TICKS, most))
    return Fraction(1, rate.numerator * min(math.ceil(Fraction(_TICKS, rate.numerator)), most // rate.numerator))


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)
