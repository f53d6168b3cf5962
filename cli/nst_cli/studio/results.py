"""The pictures of a visit: kept in the folder of the studio, shown and handed out under keys that nobody can guess."""

from __future__ import annotations

import base64
import io
import secrets
import threading
import zipfile
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from nst_cli.execution.single import claimed, free_name
from nst_cli.studio.wish import Wish
from nst_core import Result
from nst_core.images import downscale, to_pil
from nst_core.job.named_files import with_file_names

__all__ = ["Kept", "Results", "data_url", "other_name", "saved"]

THUMB_SIZE = 320
"""Longest side in pixels of the small picture in the list."""


@dataclass(frozen=True)
class Kept:
    """A picture that is kept.

    Attributes:
        key: in the addresses of its files.
        path: of the picture with its recipe inside.
        small: the picture as a data URL, for lists.
        size: height and width in pixels.
        seconds: that it took.
        stopped: whether it was stopped before its end.
        wish: what was asked for.
        files: what can be downloaded, by name.
    """

    key: str
    path: Path
    small: str = field(repr=False)
    size: tuple[int, int]
    seconds: float
    stopped: bool
    wish: Wish
    files: dict[str, Path] = field(repr=False)


class Results:
    """The pictures of one visitor."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        """Begin with none.

        Args:
            folder: where pictures are kept, for good.
            scratch: where the files that are handed out beside them are, until the visitor leaves.
        """
        self._folder, self._scratch = folder, scratch
        self._lock = threading.Lock()
        self._kept: list[Kept] = []

    @property
    def kept(self) -> Sequence[Kept]:
        """All pictures, the last one first."""
        with self._lock:
            return self._kept[::-1]

    def add(self, result: Result, wish: Wish) -> Kept:
        """Keep a picture.

        Raises:
            ImageError: it cannot be written; nothing is left of it then.
        """
        path = saved(result, self._folder)
        key = secrets.token_urlsafe(24)
        place = self._scratch / key
        place.mkdir(parents=True)
        sixteen, recipe = place / f"{path.stem}.tif", place / f"{path.stem}.toml"
        result.save(sixteen, bits=16)
        recipe.write_text(with_file_names(result.job).to_toml(), encoding="utf-8")
        files = {path.name: path, sixteen.name: sixteen, recipe.name: recipe}
        masks = [Path(mask) for mask in wish.masks()]
        if masks:
            bundle = place / f"{path.stem}-masks.zip"
            with zipfile.ZipFile(bundle, "w") as archive:
                for mask in masks:
                    archive.write(mask, mask.name)
            files[bundle.name] = bundle
        kept = Kept(
            key=key,
            path=path,
            small=data_url(result.image, THUMB_SIZE),
            size=(result.image.shape[-2], result.image.shape[-1]),
            seconds=result.seconds,
            stopped=result.stopped == "cancelled",
            wish=wish,
            files=files,
        )
        with self._lock:
            self._kept.append(kept)
        return kept

    def file(self, key: str, name: str) -> Path | None:
        """Return a file of a picture; ``None`` where there is none."""
        return next((kept.files.get(name) for kept in self.kept if secrets.compare_digest(kept.key, key)), None)


def saved(result: Result, folder: Path) -> Path:
    """Save a picture in a folder under the first name that is free, and return its path.

    Raises:
        ImageError: it cannot be written; nothing is left of it then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = claimed(free_name(result.job, "", folder), result.job, "")
    try:
        result.save(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def other_name(name: str, taken: Container[str]) -> str:
    """Return the name of a file, with a number if another file has it."""
    path, found, number = Path(name), name, 2
    while found in taken:
        found, number = f"{path.stem}-{number}{path.suffix}", number + 1
    return found


def data_url(image: Tensor, longest: int = 0, quality: int = 88) -> str:
    """Return an image ``(1, 3, H, W)`` in [0, 1] as a JPEG inside an address, ``longest`` pixels at most if given."""
    shown = to_pil(downscale(image, longest) if longest else image)
    with io.BytesIO() as file:
        shown.convert("RGB").save(file, "JPEG", quality=quality)
        return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
