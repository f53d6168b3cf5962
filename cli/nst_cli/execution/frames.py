"""The frames of a timelapse: the best image so far, every few steps, all of one size and numbered without a gap."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import ImageError, JobError
from nst_core.files import check_writable, exists, is_folder

if TYPE_CHECKING:
    from torch import Tensor

    from nst_core import Result, Run, Step

__all__ = ["FrameWriter", "check_frames"]

_FRAME = re.compile(r"\d{5,}\.png")


def check_frames(folder: Path, *, continued: bool) -> None:
    """Check that frames can go into a folder, before any work starts.

    Args:
        folder: where frames go.
        continued: whether the run may be one that has left frames there.

    Raises:
        JobError: it is not a folder, cannot be made or written to, or has the frames of another run.
    """
    if exists(folder) and not is_folder(folder):
        raise JobError(f"frames need a folder, and '{folder}' is a file; choose another name")
    check_writable(folder / "00001.png" if is_folder(folder) else folder, JobError)
    there = _frames(folder)
    if there and not continued:
        raise JobError(
            f"the folder '{folder}' has frames of another run ('{there[0].name}'); remove them or choose another"
        )


class FrameWriter:
    """Writes frames while a run is going on. The number of a frame follows from that of its step.

    A run that is continued so writes the same frames as one that was never interrupted.
    """

    def __init__(self, folder: Path, every: int, run: Run, say: Callable[[str], None]) -> None:
        """Watch a run.

        Args:
            folder: where frames go.
            every: steps from one frame to the next.
            run: whose best image is the frame.
            say: told why there are no more frames, if one cannot be written.
        """
        self._folder, self._every, self._run, self._say = folder, every, run, say
        self._failed = False

    def __call__(self, step: Step) -> None:
        """Write a frame if it is time for one."""
        best = self._run.best
        if step.number % self._every == 0 and best is not None:
            self._write(step.number // self._every, best)

    def finish(self, result: Result) -> None:
        """Write the last frame, the result itself, and remove any that an earlier process left after it."""
        last = -(-result.evaluations // self._every)
        self._write(last, result.image)
        for path in _frames(self._folder):
            if int(path.stem) > last:
                with suppress(OSError):
                    path.unlink()

    def _write(self, number: int, image: Tensor) -> None:
        from nst_core.images import save_image
        from nst_core.images.resize import resize

        if self._failed:  # one that is missing ends the sequence
            return
        size = self._run.prepared.size
        try:
            self._folder.mkdir(exist_ok=True)
            save_image(image if image.shape[-2:] == size else resize(image, size), self._folder / f"{number:05d}.png")
        except (ImageError, OSError) as error:  # a frame is not worth the run
            self._failed = True
            self._say(f"no frames from number {number} on: {error}")


def _frames(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.png") if _FRAME.fullmatch(path.name))
