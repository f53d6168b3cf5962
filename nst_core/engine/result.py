"""The steps that a run reports, and its result."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor

from nst_core.engine.destination import Metadata
from nst_core.errors import JobError, unknown_name
from nst_core.files import atomic_write
from nst_core.images import save_image, to_pil
from nst_core.job.named_files import with_file_names, with_paths_from
from nst_core.job.schema import Job

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LevelResult", "Losses", "Result", "Step", "StopReason", "versions"]

StopReason = Literal["finished", "converged", "cancelled"]
Losses = Mapping[str, Mapping[str, float]]


def versions() -> dict[str, str]:
    """Return the versions of what decides the pixels."""
    return {"nst": version("nst"), "torch": torch.__version__, "python": platform.python_version()}


@dataclass(frozen=True)
class Step:
    """One evaluation of the objective.

    Attributes:
        number: of the evaluation, from 1, over all levels.
        steps: the most there will be.
        total: weighted sum of the losses; may be NaN or infinite, which ``note`` says then.
        losses: unweighted loss by term and layer.
        weighted: what each term adds to the total.
        seconds: time of the evaluations and optimizer steps so far.
        best: lowest total so far, at this level.
        image: evaluated image, ``(1, 3, H, W)`` on the device, in [0, 1]. Copy it if you keep it.
        note: anything unusual that happened at this step, else "".
    """

    number: int
    steps: int
    total: float
    losses: Losses
    weighted: Mapping[str, float]
    seconds: float
    best: float
    image: Tensor = field(repr=False)
    note: str = ""


@dataclass(frozen=True)
class LevelResult:
    """A finished resolution level.

    Attributes:
        size: longest side of the pastiche in pixels.
        evaluations: number of evaluations at this level.
        seconds: time of the evaluations and optimizer steps.
        total: lowest total loss.
    """

    size: int
    evaluations: int
    seconds: float
    total: float


@dataclass(frozen=True)
class Result:
    """The pastiche, and how it was made.

    Attributes:
        image: best image found, ``(1, 3, H, W)`` float32 on the CPU, in [0, 1].
        total: its total loss.
        losses: its unweighted losses by term and layer.
        history: total loss of every evaluation, in order, over all levels; not finite where the engine rolled back.
        seconds: time of the evaluations and optimizer steps, without loading.
        stopped: why it ended.
        levels: what was done at every resolution level, from small to large.
        job: the job with hashes and weights filled in; repeats this result.
        device: where it was computed.
        threads: of the processor, that it was computed with.
        remarks: notes for the user.
        alpha: alpha channel of the content image, ``(1, 1, H, W)`` float32 on the CPU, 0 where it is transparent;
            ``None`` for an opaque one. The colours of ``image`` are the pastiche's own, whatever the alpha.
        scratch: most bytes that were in scratch files at once.
    """

    image: Tensor = field(repr=False)
    total: float
    losses: Losses
    history: tuple[float, ...] = field(repr=False)
    seconds: float
    stopped: StopReason
    levels: tuple[LevelResult, ...]
    job: Job
    device: str
    threads: int
    remarks: tuple[str, ...] = ()
    alpha: Tensor | None = field(default=None, repr=False)
    scratch: int = 0

    @property
    def evaluations(self) -> int:
        """Number of evaluations made."""
        return len(self.history)

    @property
    def first_total(self) -> float:
        """Total loss of the first image at the last level."""
        return self.history[-self.levels[-1].evaluations]

    def figures(self) -> dict[str, Any]:
        """Return everything but the pixels as plain data for JSON, with ``None`` for values that are not finite."""
        return {
            "total": self.total,
            "first_total": self.first_total,
            "losses": {term: dict(parts) for term, parts in self.losses.items()},
            "history": [value if math.isfinite(value) else None for value in self.history],
            "seconds": self.seconds,
            "evaluations": self.evaluations,
            "stopped": self.stopped,
            "levels": [asdict(level) for level in self.levels],
            "device": self.device,
            "threads": self.threads,
            "scratch": self.scratch,
            "transparent": self.alpha is not None,
            "versions": versions(),
            "remarks": list(self.remarks),
            "job": self.job.to_dict(),
        }

    @property
    def recipe(self) -> str:
        """The job as TOML, with comments that say how it was run; files have the paths under which they were read."""
        return self._recipe(self.job)

    def _recipe(self, job: Job) -> str:
        made_with = ", ".join(f"{name} {number}" for name, number in versions().items())
        return (
            f"# Made with {made_with} on {self.device}, {self.threads} threads.\n"
            f"# Total loss {self.total:.6g} after {self.evaluations} evaluations in {self.seconds:.1f} s.\n"
            f"{job.to_toml()}"
        )

    def save(
        self, path: str | os.PathLike[str], *, bits: int = 8, quality: int = 95, metadata: Metadata = "names"
    ) -> None:
        """Write the image with its recipe; the suffix decides the format.

        What is transparent in the content image is so in the file, too; JPEG has white there.

        Args:
            path: .png, .jpg, .webp or .tif; an existing file is replaced only once the new one is complete.
            bits: 8, or 16 for PNG and TIFF.
            quality: of JPEG and WebP, 1 to 100.
            metadata: what the file holds of the recipe: with "names" all of it, but files by their names and hashes
                alone, so that it can be shared; with "full" their paths, too; with "none" nothing.

        Raises:
            ImageError: unknown suffix, wrong bits, or the file cannot be written.
            UnknownNameError: ``metadata`` is none of these.
        """
        if metadata not in get_args(Metadata):
            raise unknown_name("metadata", metadata, get_args(Metadata))
        job = with_file_names(self.job) if metadata == "names" else self.job
        recipe = "" if metadata == "none" else self._recipe(job)
        save_image(self.image, path, bits=bits, recipe=recipe, quality=quality, alpha=self.alpha)

    def save_recipe(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as TOML; an existing file is replaced only once the new one is complete.

        Paths start from the folder of the recipe, so that it can be used from any folder; absolute ones that lead
        elsewhere stay.

        Raises:
            JobError: the file cannot be written.
        """
        target = Path(path)
        try:
            with atomic_write(target) as temporary:
                temporary.write_text(self._recipe(with_paths_from(self.job, target.parent)), encoding="utf-8")
        except OSError as error:
            raise JobError(f"the recipe could not be written to '{target}': {error}") from error

    def to_pil(self) -> Image:
        """Return the image as an 8-bit Pillow image, in mode RGBA if it is transparent anywhere."""
        return to_pil(self.image, self.alpha)
