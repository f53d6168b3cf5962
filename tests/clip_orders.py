"""Clips that move, and orders to paint them with a tiny network."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from nst_benchmarks.clips import make_clip
from nst_core import Registry, Session, load_image
from nst_core.images.write import quantize
from nst_core.video.order import ClipOrder, clip_job
from nst_core.video.reading import ClipFrame
from nst_core.video.writing import Encoding, write_clip

__all__ = ["SIZE", "moving_clip", "order_of"]

SIZE = (32, 48)
"""Height and width of :func:`moving_clip`."""

RATE = Fraction(10)


def moving_clip(path: Path, count: int = 6, name: str = "pan", size: tuple[int, int] = SIZE) -> Path:
    """Write a clip, of FFV1, in which everything moves."""
    clip = make_clip(name, quantize(load_image("sample:landscape", size=128).pixels), size, count)
    frames = [ClipFrame(n, n / RATE, frame) for n, frame in enumerate(clip.frames)]
    write_clip(path, frames, rate=RATE, encoding=Encoding(lossless=True))
    return path


def order_of(registry: Registry, clip: Path, output: Path, **settings) -> ClipOrder:
    """An order for a tiny network; options of the job among the settings go to the job."""
    fields = set(ClipOrder.__dataclass_fields__)
    options = {name: settings.pop(name) for name in list(settings) if name not in fields}
    given = {"preset": "content", "extractor": "tiny", "steps": 6, "precision": "fp32", "size": 48} | options
    job = clip_job("sample:brushwork", session=Session(registry), **given)
    return ClipOrder(str(clip), job, str(output), **{"steps": 3, **settings})
