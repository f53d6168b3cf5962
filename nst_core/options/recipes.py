"""Recipes: reading a job from a file, and finding the files that it names on this machine. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from nst_core.errors import JobError
from nst_core.files import exists, is_file, sha256_of
from nst_core.job.named_files import NamedFile, named_files, with_paths
from nst_core.job.schema import Job

if TYPE_CHECKING:
    from nst_core.components.registry import Registry

__all__ = ["job_of_file", "job_of_picture", "missing_files", "text_of"]


def job_of_file(path: Path, registry: Registry) -> Job:
    """Read a recipe file, JSON or TOML by its suffix, and find the files that it names; see :func:`job_of_picture`.

    Raises:
        JobError: the file cannot be read or is no recipe.
    """
    text = text_of(path, "recipe")
    job = Job.from_json(text) if path.suffix.lower() == ".json" else Job.from_toml(text)
    return _found(job, path.parent, registry)


def job_of_picture(path: Path, registry: Registry) -> Job:
    """Read the recipe inside an earlier result, and find the files that it names.

    A file is where the recipe says, seen from the folder of ``path`` or from the current folder, or it is in one of
    these two folders under its name alone. Of several, the one with the hash that the recipe holds is taken. A file
    that is not found keeps its path.

    Args:
        path: the picture.
        registry: says which parameters of components are paths.

    Raises:
        ImageError: the picture cannot be read or has no recipe.
        JobError: the recipe is invalid.
    """
    from nst_core.images import read_recipe

    return _found(Job.from_toml(read_recipe(path)), path.parent, registry)


def missing_files(job: Job, registry: Registry) -> list[NamedFile]:
    """List the files that a job names and that are not there."""
    return [f for f in named_files(job, registry.file_parameters) if f.is_path and not exists(f.path)]


def text_of(path: Path, what: str) -> str:
    """Read a file that a person wrote.

    Args:
        path: the file.
        what: what messages call it, for example "recipe".

    Raises:
        JobError: it cannot be read or is not in UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JobError(f"the {what} '{path}' cannot be read: {error}") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]:
        raise JobError(f"the {what} '{path}' cannot be read: it is in UTF-16; save it in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JobError(f"the {what} '{path}' cannot be read: it is not in UTF-8 ({error}); save it in UTF-8") from None


def _found(job: Job, folder: Path, registry: Registry) -> Job:
    return with_paths(job, lambda file: _place(file, folder), registry.file_parameters)


def _place(file: NamedFile, folder: Path) -> str:
    if not file.is_path:
        return file.path
    there = list(dict.fromkeys(_normal(path) for path in _candidates(file.path, folder) if is_file(path)))
    if len(there) > 1 and file.sha256:
        there = [path for path in there if sha256_of(path) == file.sha256] or there
    return os.fspath(there[0]) if there else _in_store(file)


def _candidates(path: str, folder: Path) -> Iterator[Path]:
    # The recipe may come from a machine with the other kind of paths.
    names = dict.fromkeys((path, Path(path).name, PureWindowsPath(path).name))
    for name in names:
        yield folder / name
        yield Path(name)


def _normal(path: Path) -> Path:
    short = Path(os.path.normpath(path))
    return short if short.exists() and short.samefile(path) else path  # a link may lead elsewhere


def _in_store(file: NamedFile) -> str:
    """Return the name of the weight set in the store that is the file; the path if there is none."""
    if file.role != "weights" or not file.sha256:
        return file.path
    from nst_core.weights import stored_as

    return stored_as(file.sha256) or file.path
