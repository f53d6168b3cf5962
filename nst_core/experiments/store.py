"""A finished cell on disk: its picture, its recipe, its figures, under the hash of its job."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.engine.result import Result
from nst_core.files import atomic_write

__all__ = ["CURVES", "PICTURE", "ResultStore", "plain_number"]

FORMAT = 2
CHECKPOINT = "checkpoint.safetensors"
PICTURE = "image.png"
FIGURES = "result.json"
CURVES = ("history", "contributions")
"""Figures that are as long as the run."""


@dataclass(frozen=True)
class ResultStore:
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
        record = self.read_folder(self.folder(key))
        return record if record and record.get("key") == key else None

    @staticmethod
    def read_folder(folder: Path) -> dict[str, Any] | None:
        """Return the figures of the finished cell in a folder, ``None`` where it is not finished."""
        try:
            record = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        complete = isinstance(record, dict) and record.get("format") == FORMAT
        return record if complete and (folder / PICTURE).is_file() else None

    def begin(self, key: str) -> Path:
        """Make a folder for a cell; what an earlier attempt left there goes, but for the checkpoint and its lock."""
        folder = self.folder(key)
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith(CHECKPOINT) and path.suffix != ".lock":
                path.unlink()
        return folder

    def write_picture(self, key: str, result: Result) -> Path:
        """Write picture and recipe; return the path of the picture."""
        folder = self.folder(key)
        result.save(folder / PICTURE)
        result.save_recipe(folder / "recipe.toml")
        return folder / PICTURE

    def files(self, key: str) -> dict[str, bytes]:
        """Return the contents of all files of a finished cell by name."""
        found = sorted(path for path in self.folder(key).iterdir() if path.is_file())
        return {path.name: path.read_bytes() for path in found if not path.name.startswith((".", CHECKPOINT))}

    def take(self, key: str, files: Mapping[str, bytes]) -> None:
        """Write a cell that was finished elsewhere; see :meth:`files`."""
        folder = self.begin(key)
        for name in sorted(files, key=lambda name: name == FIGURES):  # last, when the cell counts as finished
            with atomic_write(folder / name) as temporary:
                temporary.write_bytes(files[name])

    def forget(self, key: str) -> None:
        """Remove a cell, and the folders that are empty then."""
        folder = self.folder(key)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are there
            folder.parent.rmdir()
            self.root.rmdir()

    def finish(self, key: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """Write the figures, after which the cell counts as finished; return them as they will be read."""
        text = json.dumps({"format": FORMAT, "key": key, **record}, indent=1, allow_nan=False)
        with atomic_write(self.folder(key) / FIGURES) as temporary:
            temporary.write_text(text, encoding="utf-8")
        whole: dict[str, Any] = json.loads(text)
        return whole


def plain_number(value: float) -> float | None:
    """Return a number as JSON knows it: ``None`` for NaN and infinity."""
    return value if math.isfinite(value) else None
