"""Masks that move: clips beside the clip, one frame of them for each of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from nst_core.engine.regions import LEAST_PIXELS
from nst_core.errors import ImageError
from nst_core.files import is_folder
from nst_core.images.write import save_image
from nst_core.job.schema import Job, Source
from nst_core.video.order import ClipOrder, masks_of
from nst_core.video.painting import as_tensor
from nst_core.video.reading import ClipFrame, ClipSource, is_clip

__all__ = ["MovingMasks"]

_SLACK = Fraction(2, 1000)  # seconds by which containers round
_ENOUGH = 1.5 * LEAST_PIXELS  # pixels, with what resizing takes away


class MovingMasks:
    """The masks of a job that are clips. Each shows what it has at the time of the clip's frame, or its last one."""

    def __init__(self, order: ClipOrder, size: tuple[int, int], folder: Path) -> None:
        """Open them.

        Args:
            order: of the clip.
            size: height and width of its painted frames.
            folder: for frames of masks, one of each at a time.

        Raises:
            NstError: a mask cannot be read.
        """
        self._folder, self._pixels = folder, size[0] * size[1]
        paths = dict.fromkeys(path for path in masks_of(order.job) if is_clip(path))
        # A folder of pictures has the pace of the clip that it was made for.
        rate = None if not paths or is_folder(order.clip) else float(ClipSource(order.clip).info.rate)
        self._frames: dict[str, Iterator[ClipFrame]] = {
            path: ClipSource(path, fps=(rate or order.fps) if is_folder(path) else None).frames() for path in paths
        }
        self._shown: dict[str, ClipFrame] = {}
        self._next: dict[str, ClipFrame | None] = {path: next(frames, None) for path, frames in self._frames.items()}
        for path, first in self._next.items():
            if first is None:
                raise ImageError(f"the mask '{path}' has no frames")

    def job_at(self, job: Job, moment: Fraction) -> Job:
        """Return a job with the masks that there are at a moment, which may not be earlier than those before.

        A mask with nothing in it is left out: nothing is kept then, and a region takes what is outside of regions.

        Args:
            job: of the clip.
            moment: seconds since the beginning of the clip.
        """
        if not self._frames:
            return job
        places = {path: self._at(path, moment) for path in self._frames}

        def here(source: Source) -> Source | None:
            if source.path not in places:
                return source
            place = places[source.path]
            return replace(source, path=str(place)) if place else None

        keep = here(job.keep) if job.keep else None
        shown = [(region, here(region.mask)) for region in job.regions]
        regions = tuple(replace(region, mask=mask) for region, mask in shown if mask)
        styles = job.styles[:1] if job.regions and not regions and job.outside == "style" else job.styles
        return replace(job, regions=regions, keep=keep, styles=styles)

    def _at(self, path: str, moment: Fraction) -> Path | None:
        """Return the file of a mask's frame at a moment, named after its content; ``None`` if that is too little."""
        while (following := self._next[path]) is not None and (
            following.moment <= moment + _SLACK or path not in self._shown
        ):
            self._shown[path], self._next[path] = following, next(self._frames[path], None)
        shown = self._shown[path]
        if float(shown.pixels.mean()) / 255 * self._pixels < _ENOUGH:
            return None
        prefix = f".mask-{list(self._frames).index(path)}-"
        place = self._folder / f"{prefix}{hashlib.sha256(shown.pixels.tobytes()).hexdigest()[:16]}.png"
        if not place.exists():
            for before in self._folder.glob(f"{prefix}*.png"):
                before.unlink(missing_ok=True)
            save_image(as_tensor(shown.pixels), place)
        return place
