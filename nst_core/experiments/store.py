"""A finished cell on disk: its picture, its recipe, its figures, under the hash of its job."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nst_core.components.registry import Registry
from nst_core.engine.result import Result
from nst_core.errors import JobError
from nst_core.files import atomic_write
from nst_core.images import load_image
from nst_core.job.schema import Component, ImageRef, Job
from nst_core.runtime.cache import Shared
from nst_core.runtime.device import choose_device, choose_dtype
from nst_core.weights import sha256

__all__ = ["CellStore", "cell_key", "plain_number"]

FORMAT = 1
CHECKPOINT = "checkpoint.safetensors"


def cell_key(job: Job, registry: Registry, shared: Shared) -> str:
    """Return the hash of everything that decides a cell's pixels: the job with images and weights by content.

    Raises:
        NstError: an image or the weights cannot be had.
    """
    import torch

    device = choose_device(job.device)
    dtype = choose_dtype(job.precision, device)
    pinned = replace(
        job,
        content=_by_content(job.content, "content"),
        style=_by_content(job.style, "style"),
        initializer=_file_by_content(job.initializer),
        weights_sha256=job.weights_sha256 or shared.extractor(registry, job.extractor).fingerprint(),
        precision="bf16" if dtype == torch.bfloat16 else "fp32",
        device=device.type,
    )
    return pinned.digest()


def _by_content(reference: ImageRef | None, role: str) -> ImageRef | None:
    """Leave the hash alone, so that a moved image is the same image and a changed one is another."""
    if reference is None:
        return None
    if not reference.path:
        raise JobError(f"the {role} image of this job is only in memory; a run of many jobs needs files")
    found = load_image(reference.path, role=f"{role} image").sha256
    # A recipe's own hash stays in the key where it differs; resolve says what is wrong then.
    return ImageRef("", found if reference.sha256 in ("", found) else f"{reference.sha256}!{found}")


def _file_by_content(initializer: Component) -> Component:
    """Put the hash of the file that an initializer reads in the place of its path."""
    path = initializer.params.get("path")
    if not isinstance(path, str) or not Path(path).is_file():
        return initializer
    return Component(initializer.name, {**initializer.params, "path": sha256(Path(path))})


@dataclass(frozen=True)
class CellStore:
    """The folder of finished cells.

    ``result.json`` is written last and as a whole: a cell has it or is not finished, whatever happened.
    """

    root: Path

    def folder(self, key: str) -> Path:
        """Return the folder of a cell."""
        return self.root / "cells" / key[:16]

    def checkpoint(self, key: str) -> Path:
        """Return where the run of a cell is kept until the cell is finished."""
        return self.folder(key) / CHECKPOINT

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the figures of a finished cell, ``None`` where it is not finished."""
        folder = self.folder(key)
        try:
            record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        complete = isinstance(record, dict) and record.get("key") == key and record.get("format") == FORMAT
        return record if complete and (folder / "image.png").is_file() else None

    def begin(self, key: str) -> Path:
        """Make a folder for a cell; what an earlier attempt left there goes, but for the checkpoint."""
        folder = self.folder(key)
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith(CHECKPOINT):
                path.unlink()
        return folder

    def write_picture(self, key: str, result: Result) -> Path:
        """Write picture and recipe; return the path of the picture."""
        folder = self.folder(key)
        result.save(folder / "image.png")
        with atomic_write(folder / "recipe.toml") as temporary:
            temporary.write_text(result.recipe, encoding="utf-8")
        return folder / "image.png"

    def finish(self, key: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """Write the figures, after which the cell counts as finished; return them as they will be read."""
        text = json.dumps({"format": FORMAT, "key": key, **record}, indent=1, allow_nan=False)
        with atomic_write(self.folder(key) / "result.json") as temporary:
            temporary.write_text(text, encoding="utf-8")
        whole: dict[str, Any] = json.loads(text)
        return whole


def plain_number(value: float) -> float | None:
    """Return a number as JSON knows it: ``None`` for NaN and infinity."""
    return value if math.isfinite(value) else None
