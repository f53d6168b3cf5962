"""Writing animated GIF."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from nst_core.video.extras import pyav
from nst_core.video.flow import Frame

if TYPE_CHECKING:
    from nst_core.video.writing import Encoding

__all__ = ["GifWriter"]

_GIF_TICKS = 100


class GifWriter:
    """FFmpeg's encoder for GIF, with the best 256 colours of each frame, so that no frame has to wait for the last."""

    def __init__(self, output: Any, codec: str, encoding: Encoding, rate: Fraction, size: tuple[int, int]) -> None:  # noqa: ARG002 - as for others
        self.tick = Fraction(1, _GIF_TICKS)
        self._stream = output.add_stream(codec, rate=rate)
        context = self._stream.codec_context
        context.height, context.width = size
        context.pix_fmt, context.time_base = "pal8", self.tick
        self._size, self._last = size, -1
        self._graph = self._palettes()

    def _palettes(self) -> Any:
        graph = pyav().filter.Graph()
        height, width = self._size
        form = pyav().VideoFormat("bgra")
        source = graph.add_buffer(width=width, height=height, format=form, time_base=self.tick)
        split, make = graph.add("split"), graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
        use, sink = graph.add("paletteuse", "new=1:dither=sierra2_4a"), graph.add("buffersink")
        source.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph

    def encoded(self, pixels: Frame, time: Fraction, duration: Fraction) -> Iterator[Any]:  # noqa: ARG002
        """Encode a frame; give the packets that are ready. One that would be shown for no time is left out."""
        place = round(time / self.tick)
        if place <= self._last:
            return
        self._last = place
        av = pyav()
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(format="bgra")
        frame.pts, frame.time_base = place, self.tick
        self._graph.vpush(frame)
        yield from self._pulled()

    def rest(self) -> Iterator[Any]:
        """Give the last packets."""
        self._graph.vpush(None)
        yield from self._pulled()
        yield from self._stream.encode(None)

    def _pulled(self) -> Iterator[Any]:
        av = pyav()
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield from self._stream.encode(frame)
