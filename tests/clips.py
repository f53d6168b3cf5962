"""Small clips for tests, made with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from nst_core.video.reading import ClipFrame

HEIGHT, WIDTH = 48, 64
COLORS = ((200, 30, 60), (20, 180, 90), (40, 60, 220), (255, 255, 255), (0, 0, 0), (128, 128, 128))
# Shares of red and blue in luma, by the number of the matrix in H.273.
_SHARES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def corner_frame(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray[Any, Any]:
    """A grey frame that says its number by its brightness, with a red corner at the top left."""
    pixels = np.full((height, width, 3), 40 + 10 * number, np.uint8)
    pixels[: height // 4, : width // 4] = (220, 20, 20)
    return pixels


def number_of(pixels: np.ndarray[Any, Any]) -> int:
    """Which number :func:`corner_frame` was given, by what is in the middle."""
    height, width = pixels.shape[:2]
    return round((float(pixels[height // 2, width // 2].mean()) - 40) / 10)


def frames_of(count: int, rate: Fraction = Fraction(10), size: tuple[int, int] = (HEIGHT, WIDTH)) -> list[ClipFrame]:
    return [ClipFrame(number, number / rate, corner_frame(number, *size)) for number in range(count)]


def make_clip(
    path: Path,
    count: int = 6,
    *,
    codec: str = "libx264",
    kind: str = "yuv420p",
    rate: int = 10,
    pts: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    rotation: int | None = None,
    sound: float = 0.0,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    options: dict[str, str] | None = None,
) -> Path:
    """A clip of :func:`corner_frame`; times in milliseconds, ``sound`` seconds of a tone that begins with the clip."""
    lossless = {"libx264": {"qp": "4"}, "libx264rgb": {"qp": "0"}}
    header_first = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    with av.open(path, "w", container_options=header_first) as container:
        stream = container.add_stream(codec, rate=rate, options={**lossless.get(codec, {}), **(options or {})})
        stream.height, stream.width = size
        stream.pix_fmt = kind
        stream.codec_context.time_base = Fraction(1, 1000)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        heard = _tone_stream(container) if sound else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(corner_frame(number, *size), format="rgb24").reformat(format=kind)
            frame.pts = pts[number] if pts else round(1000 * number / rate)
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if heard is not None:
            _add_tone(container, heard, sound)
    return path


def make_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file with a tone, and without pictures."""
    with av.open(path, "w") as container:
        _add_tone(container, _tone_stream(container), seconds)
    return path


def _tone_stream(container: Any) -> Any:
    return container.add_stream("aac", rate=48_000, layout="mono")


def _add_tone(container: Any, stream: Any, seconds: float) -> None:
    """A tone that is silent in the even tenths of a second, so that one hears where one is."""
    moments = np.arange(round(seconds * 48_000)) / 48_000
    wave = 0.5 * np.sin(2 * np.pi * 1000 * moments) * (np.floor(moments * 10) % 2)
    for begin in range(0, len(wave), 1024):
        samples = wave[None, begin : begin + 1024].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, begin, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_patch(
    path: Path,
    color: Sequence[int],
    *,
    matrix: int,
    tag: int | None = None,
    full: bool = False,
    deep: bool = False,
    curve: int | None = None,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> Path:
    """A frame of FFV1 in one colour, whose YUV values are computed here, not by FFmpeg.

    Args:
        path: the file.
        color: RGB of 8 bits.
        matrix: that the values are computed with.
        tag: that the file names; by default the same, 2 for none.
        full: whether the values use the full range.
        deep: 10 bits instead of 8.
        curve: the transfer characteristic that the file names.
        size: height and width.
    """
    red_share, blue_share = _SHARES[matrix]
    red, green, blue = (value / 255 for value in color)
    luma = red_share * red + (1 - red_share - blue_share) * green + blue_share * blue
    chroma = ((blue - luma) / (2 - 2 * blue_share), (red - luma) / (2 - 2 * red_share))
    step = 4 if deep else 1
    top = 256 * step - 1
    if full:
        values = [luma * top, *(part * top + 128 * step for part in chroma)]
    else:
        values = [(16 + 219 * luma) * step, *((128 + 224 * part) * step for part in chroma)]
    kind = "yuv444p10le" if deep else "yuv444p"
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width = size
        stream.pix_fmt = kind
        context = stream.codec_context
        context.colorspace, context.color_range = matrix if tag is None else tag, 2 if full else 1
        if curve is not None:
            context.color_trc = curve
        frame = av.VideoFrame(size[1], size[0], kind)
        for plane, value in zip(frame.planes, values, strict=True):
            count = plane.buffer_size // (2 if deep else 1)
            whole = np.full(count, min(top, round(value)), np.uint16 if deep else np.uint8)
            plane.update(whole.tobytes())
        frame.colorspace, frame.color_range, frame.pts = context.colorspace, context.color_range, 0
        if curve is not None:
            frame.color_trc = curve
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_transparent(path: Path, codec: str = "png", kind: str = "rgba") -> Path:
    """A clip whose left half is opaque blue, and whose right half is half transparent black."""
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, : WIDTH // 2] = (0, 0, 255, 255)
    pixels[:, WIDTH // 2 :, 3] = 128
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = HEIGHT, WIDTH
        stream.pix_fmt = kind
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=kind)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def changes_of_sound(path: Path, least: float = 0.05) -> list[float]:
    """Times at which the tone of :func:`make_clip` begins, to a few milliseconds."""
    with av.open(path) as container:
        parts = []
        resampler = av.AudioResampler("fltp", "mono", 48_000)
        start: float | None = None
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                if start is None:
                    start = float(part.pts * part.time_base)
                parts.append(part.to_ndarray()[0])
    wave = np.concatenate(parts)
    loud = np.array([np.abs(wave[i : i + 240]).max() > least for i in range(0, len(wave), 240)])
    begins = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    return [(start or 0.0) + 0.005 * int(place) for place in begins]
