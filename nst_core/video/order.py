"""What is to be made of a clip: everything that decides its frames, and where they go."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from nst_core.api import StyleInput, make_job
from nst_core.engine.regions import hashed_masks
from nst_core.engine.session import Session
from nst_core.errors import ImageError, JobError
from nst_core.files import is_folder, sha256_of
from nst_core.images.resize import scaled_shape
from nst_core.job.schema import Job, Source
from nst_core.job.serialization import from_plain, to_plain
from nst_core.options.losses import with_temporal
from nst_core.video.painting import STEPS
from nst_core.video.reading import ClipSource, is_clip
from nst_core.video.writing import Encoding

__all__ = ["ClipOrder", "clip_job", "identity", "masks_of", "pinned_clip_job", "pinned_order", "without_moving_masks"]


@dataclass(frozen=True)
class ClipOrder:
    """A clip to be painted.

    Attributes:
        clip: a file, or a folder of numbered pictures.
        job: what every frame is painted by. Its content image is left open. Masks may be clips, too.
        output: file that is written, or folder for the frames as PNG.
        start: seconds from the beginning of the clip at which to begin.
        end: seconds at which to end; ``None`` for the end of the clip.
        fps: frames a second to take from the clip; ``None`` for its own.
        every: take every n-th frame only.
        consistency: how much frames are held together, from 0 to 1, see
            :func:`nst_core.video.painting.consistency_factor`.
        steps: evaluations of a frame that follows another.
        encoding: how the file is written.
        sound: whether the sound goes along.
        keep_frames: whether the painted frames stay beside the file.
        sha256: of the clip and of mask clips, by path; empty before :func:`pinned_order`.
    """

    clip: str
    job: Job
    output: str
    start: float = 0.0
    end: float | None = None
    fps: float | None = None
    every: int = 1
    consistency: float = 0.5
    steps: int = STEPS
    encoding: Encoding = field(default_factory=Encoding)
    sound: bool = True
    keep_frames: bool = False
    sha256: tuple[tuple[str, str], ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether the frames are the result, in a folder."""
        return is_folder(self.output) or not Path(self.output).suffix

    def source(self, size: tuple[int, int] | None = None) -> ClipSource:
        """Open the clip.

        Args:
            size: height and width of the frames; by default their own.

        Raises:
            NstError: it is no clip, or has nothing in the time that is asked for.
        """
        return ClipSource(self.clip, start=self.start or None, end=self.end, fps=self.fps, every=self.every, size=size)

    def size_of(self, source: ClipSource) -> tuple[int, int]:
        """Return height and width of the painted frames: the job's size, but no more than the clip has."""
        height, width = source.info.size
        longest = self.job.size if self.job.enlarge else min(self.job.size, max(height, width))
        return scaled_shape((height, width), longest)

    def to_json(self) -> str:
        """Return the order as JSON."""
        plain = to_plain(replace(self, job=None))  # type: ignore[arg-type]
        return json.dumps({**plain, "job": self.job.to_dict()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> ClipOrder:
        """Read an order.

        Raises:
            JobError: the text is none.
        """
        try:
            plain: dict[str, Any] = json.loads(text)
            job, encoding = Job.from_dict(plain.pop("job")), from_plain(Encoding, plain.pop("encoding"))
            sha256 = tuple((str(path), str(digest)) for path, digest in plain.pop("sha256"))
            return cls(job=job, encoding=encoding, sha256=sha256, **plain)
        except (ValueError, KeyError, TypeError) as error:
            raise JobError(f"it is not the description of a clip: {error}") from error

    def differences(self, other: ClipOrder) -> list[str]:
        """Say what decides the frames and is different in another order."""
        mine, others = (json.loads(order.to_json()) for order in (self, other))
        for plain in (mine, others):
            for name in ("output", "encoding", "sound", "keep_frames", "clip"):
                plain.pop(name, None)
            plain["sha256"] = [digest for _, digest in plain["sha256"]]
        return [
            f"{name} was {mine.get(name, 'not set')} and is {others.get(name, 'not set')}"
            if name not in ("job", "sha256")
            else {"job": "the recipe is another one", "sha256": "the clip, or a mask, is another one"}[name]
            for name in sorted(mine.keys() | others.keys())
            if mine.get(name) != others.get(name)
        ]


def clip_job(
    styles: StyleInput | None = None, *, base: Job | None = None, session: Session | None = None, **options: Any
) -> Job:
    """Make the job that the frames of a clip are painted by: with the temporal losses of its preset.

    Args:
        styles: style image, or several that are blended: paths.
        base: a job to start from, such as a recipe.
        session: where names of components are looked up; everything installed by default.
        options: as :func:`nst_core.make_job` takes them.

    Raises:
        JobError: an option is unknown or has an invalid value.
    """
    session = session or Session()
    frame = torch.zeros(1, 3, 1, 1)  # in the place of all frames
    job = make_job(frame, styles, base=base, session=session, **options)
    return with_temporal(job, session.registry, options.get("preset", ""))


def pinned_order(order: ClipOrder, session: Session) -> ClipOrder:
    """Return an order with everything fixed that decides its frames on this machine.

    Raises:
        NstError: a style image, the weights or a clip are missing or unusable.
    """
    job = pinned_clip_job(order.job, session)
    moving = [region for region in job.regions if is_clip(region.mask.path)]
    beside = [region.style_mask.path for region in moving if region.style_mask]
    read = dict.fromkeys([order.clip, *(path for path in masks_of(job) if is_clip(path)), *beside])
    return replace(order, job=job, sha256=tuple((path, identity(path)) for path in read))


def pinned_clip_job(job: Job, session: Session) -> Job:
    """Return a clip's job with everything fixed but what changes from frame to frame.

    Raises:
        NstError: a style image, a mask or the weights are missing or unusable.
    """
    still = without_moving_masks(job)
    pinned = session.pin(replace(still, content=None, keep=None, regions=()))
    masked = hashed_masks(still, session.images)
    hashed = {region.name: region for region in masked.regions}
    regions = tuple(hashed.get(region.name, region) for region in job.regions)
    return replace(pinned, content=Source(), keep=masked.keep or job.keep, regions=regions)


def masks_of(job: Job) -> list[str]:
    """Return the paths of the masks that change with the pastiche: those of regions, and of what is kept."""
    return [source.path for source in (*(r.mask for r in job.regions), job.keep) if source]


def without_moving_masks(job: Job) -> Job:
    """Return a job without the masks that are clips."""
    keep = job.keep if job.keep and not is_clip(job.keep.path) else None
    return replace(job, keep=keep, regions=tuple(r for r in job.regions if not is_clip(r.mask.path)))


def identity(path: str) -> str:
    """Return the SHA-256 of a clip: of the file, or of the names and contents of a folder's files.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        if not is_folder(path):
            return sha256_of(Path(path))
        files = sorted(file for file in Path(path).iterdir() if file.is_file() and not file.name.startswith("."))
        lines = [f"{sha256_of(file)} {file.name}" for file in files]
    except OSError as error:
        raise ImageError(f"the clip '{path}' cannot be read: {error}") from error
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
