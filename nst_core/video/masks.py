"""Masks that move: clips beside the clip, one frame of them for each of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from nst_core.errors import ImageError
from nst_core.images.write import save_image
from nst_core.job.schema import Job, Source
from nst_core.video.order import ClipOrder, masks_of
from nst_core.video.painting import as_tensor
from nst_core.video.reading import ClipFrame, is_clip

__all__ = ["MovingMasks"]


class MovingMasks:
    """The masks of a job that are clips. Each shows what it has at the time of the clip's frame, or its last one."""

    def __init__(self, order: ClipOrder, folder: Path) -> None:
        """Open them.

        Args:
            order: of the clip.
            folder: for their frames, one of each at a time.

        Raises:
            NstError: a mask cannot be read.
        """
        self._folder = folder
        paths = dict.fromkeys(path for path in masks_of(order.job) if is_clip(path))
        self._frames: dict[str, Iterator[ClipFrame]] = {path: order.source(path).frames() for path in paths}
        self._shown: dict[str, ClipFrame] = {}
        self._next: dict[str, ClipFrame | None] = {path: next(frames, None) for path, frames in self._frames.items()}
        for path, first in self._next.items():
            if first is None:
                raise ImageError(f"the mask '{path}' has no frame in the time that is asked for")

    def job_at(self, job: Job, time: Fraction) -> Job:
        """Return a job with the masks that there are at a time, which may not be earlier than those before.

        Args:
            job: of the clip.
            time: seconds since the first frame.
        """
        if not self._frames:
            return job
        places = {path: self._at(path, time) for path in self._frames}

        def here(source: Source | None) -> Source | None:
            return replace(source, path=places[source.path]) if source and source.path in places else source

        regions = tuple(replace(region, mask=here(region.mask) or region.mask) for region in job.regions)
        return replace(job, regions=regions, keep=here(job.keep))

    def _at(self, path: str, time: Fraction) -> str:
        """Return the file of a mask's frame at a time."""
        place = self._folder / f".mask-{list(self._frames).index(path)}.png"
        fresh = False
        while (following := self._next[path]) is not None and (following.time <= time or path not in self._shown):
            self._shown[path], self._next[path], fresh = following, next(self._frames[path], None), True
        if fresh or not place.exists():
            save_image(as_tensor(self._shown[path].pixels), place)
        return str(place)
