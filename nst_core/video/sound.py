"""The sound of a clip: taken over as it is where the new file can hold it, else encoded again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import Any

from nst_core.errors import ImageError
from nst_core.files import is_file
from nst_core.video.container import VideoFile, opened
from nst_core.video.extras import pyav

__all__ = ["Sound"]

_WITH_EDIT_LISTS = frozenset({"mp4", "mov"})
_ENCODERS = {"webm": "libopus"}
_OPUS_RATE = 48_000


class Sound:
    """The sound of one file on its way into another. Close it after use.

    Attributes:
        remark: for the user, where there is no sound in the new file; "" where there is, or never was any.
    """

    def __init__(
        self, path: str | os.PathLike[str], output: Any, *, start: float | Fraction, end: float | None
    ) -> None:
        """Open the sound and add a stream for it to a container whose header is not written yet.

        Args:
            path: of the file with the sound.
            output: the container.
            start: seconds from the beginning of the clip, which become 0.
            end: seconds from the beginning of the clip, where the sound ends.

        Raises:
            ImageError: the file cannot be read.
        """
        self.remark = ""
        self._files = ExitStack()
        self._packets: Iterator[tuple[Fraction, Any]] = iter(())
        self._next: tuple[Fraction, Any] | None = None
        av = pyav()
        text = os.fspath(path)
        if not is_file(text):
            raise ImageError(f"the sound '{text}' does not exist")
        try:
            source = self._files.enter_context(opened(text))
            if not source.streams.audio:
                return
            heard = source.streams.audio[0]
            origin = _origin(text)
            first = origin + (start if isinstance(start, Fraction) else Fraction(str(start)))
            stop = None if end is None else origin + Fraction(str(end)) - first
            if first > 1:
                source.seek(max(0, int((first - 1) * av.time_base)))
            self._packets = self._begun(source, heard, output, first, stop)
        except (av.FFmpegError, OSError, ValueError) as error:
            self.remark = f"the sound is left out: {getattr(error, 'strerror', '') or error}"
        except BaseException:
            self._files.close()
            raise

    def _begun(
        self, source: Any, heard: Any, output: Any, first: Fraction, stop: Fraction | None
    ) -> Iterator[tuple[Fraction, Any]]:
        if heard.codec_context is None:
            self.remark = "the sound is left out: this FFmpeg does not know its codec"
            return iter(())
        try:
            stream = output.add_stream_from_template(heard)
        except ValueError:  # the container cannot hold it
            return _encoded(source, heard, _encoder(output, heard), first, stop)
        early = 2 if output.format.name in _WITH_EDIT_LISTS else 0
        return _copied(source, heard, stream, first, stop, early)

    def until(self, time: Fraction | None) -> Iterator[Any]:
        """Give the packets that are heard up to a time of the new file, in seconds; all that are left with ``None``."""
        while True:
            try:
                self._next = self._next or next(self._packets, None)
            except pyav().FFmpegError as error:
                self.remark = f"the sound breaks off: {getattr(error, 'strerror', '') or error}"
                return
            if self._next is None or (time is not None and self._next[0] > time):
                return
            packet, self._next = self._next[1], None
            yield packet

    def close(self) -> None:
        """Close the file."""
        self._files.close()


def _origin(path: str) -> Fraction:
    """Return what the file calls the time of its first frame, in seconds."""
    try:
        return VideoFile(path).origin
    except ImageError:  # sound alone
        return Fraction(0)


def _copied(
    source: Any, heard: Any, stream: Any, first: Fraction, stop: Fraction | None, early: int
) -> Iterator[tuple[Fraction, Any]]:
    """Give packets at their new times.

    Args:
        source: the open file.
        heard: its stream.
        stream: the new one.
        first: what becomes the time 0.
        stop: new time at which it ends.
        early: how many packets before 0 are kept, which decoders need and players skip where the container says so.
    """
    tick = Fraction(heard.time_base)
    shift = round(first / tick)
    for packet in source.demux(heard):
        if packet.pts is None or packet.size == 0:
            continue
        packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        time = packet.pts * tick
        if stop is not None and time >= stop:
            return
        if packet.pts + early * (packet.duration or 0) > 0 or packet.pts == 0:
            packet.stream = stream
            yield time, packet


def _encoder(output: Any, heard: Any) -> Any:
    name = _ENCODERS.get(output.format.name, "aac")
    rate = _OPUS_RATE if name == "libopus" else heard.codec_context.sample_rate
    layout = "mono" if heard.codec_context.layout.nb_channels == 1 else "stereo"
    return output.add_stream(name, rate=rate, layout=layout)


def _encoded(
    source: Any, heard: Any, stream: Any, first: Fraction, stop: Fraction | None
) -> Iterator[tuple[Fraction, Any]]:
    """Give packets of another codec; arguments as for :func:`_copied`."""
    context = stream.codec_context
    resampler: Any = None
    tick = Fraction(heard.time_base)
    for frame in source.decode(heard):
        time = frame.pts * tick - first if frame.pts is not None else Fraction(0)
        if stop is not None and time >= stop:
            break
        if time < 0:
            continue
        if resampler is None:
            size = context.frame_size or None
            resampler = pyav().AudioResampler(context.format, context.layout, context.rate, size)
        frame.pts, frame.time_base = round(time * frame.sample_rate), Fraction(1, frame.sample_rate)
        for part in resampler.resample(frame):
            yield from _timed(stream.encode(part))
    for part in resampler.resample(None) if resampler else ():
        yield from _timed(stream.encode(part))
    if resampler:
        yield from _timed(stream.encode(None))


def _timed(packets: Any) -> Iterator[tuple[Fraction, Any]]:
    for packet in packets:
        yield (packet.pts or 0) * Fraction(packet.time_base), packet
