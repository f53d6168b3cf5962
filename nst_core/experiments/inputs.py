"""The images that a batch is given: files, folders and patterns, expanded to files in a fixed order."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import ImageError, JobError
from nst_core.files import exists, is_file, is_folder
from nst_core.images.decode import SAMPLE
from nst_core.images.recognition import is_image

__all__ = ["Images", "NoImagesError", "Skipped", "combine", "distinct", "find_images"]

FOLDER = "a folder"
SHOWN = 3
"""Skipped files that an error names."""


@dataclass(frozen=True)
class Skipped:
    """A file or folder that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Images:
    """What was found.

    Attributes:
        paths: image files, or ``sample:NAME``, in the order of what was given, sorted within a folder or pattern.
        skipped: what was found and is no image.
    """

    paths: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()


class NoImagesError(ImageError):
    """Folders and patterns exist, but there is no image in them yet."""


def find_images(
    given: Sequence[str], *, role: str, recursive: bool = False, results: Collection[Path] = frozenset()
) -> Images:
    """Expand files, folders and patterns.

    A file counts as an image by its suffix or its beginning, see :func:`nst_core.images.recognition.is_image`; a
    damaged one is kept, so that the job that needs it fails and says why. Hidden files in folders are passed over.

    Args:
        given: paths of files or folders, patterns such as ``photos/**/*.jpg``, or ``sample:NAME``.
        role: what messages call the images, "content" or "style".
        recursive: go into the folders of folders, too.
        results: files and folders that an earlier batch made, resolved; they are skipped.

    Raises:
        NoImagesError: a pattern matches nothing, or no image is found.
        ImageError: something does not exist.
    """
    paths: list[str] = []
    skipped: list[Skipped] = []
    for text in given:
        for path in _expanded(text, role, results if recursive else None):
            reason = _reason(path, results)
            if reason:
                skipped.append(Skipped(path, reason))
            else:
                paths.append(path)
    if given and not paths:
        raise NoImagesError(_nothing(given, role, skipped))
    return Images(tuple(paths), tuple(dict.fromkeys(skipped)))


def _nothing(given: Sequence[str], role: str, skipped: Sequence[Skipped]) -> str:
    where = ", ".join(f"'{text}'" for text in given)
    there = ", ".join(f"'{skip.path}' is {skip.reason}" for skip in skipped[:SHOWN])
    more = f", and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
    hint = "; --recursive goes into folders" if any(skip.reason == FOLDER for skip in skipped) else ""
    return f"there is no {role} image in {where}{f' ({there}{more})' if there else ''}{hint}"


def distinct(paths: Sequence[str]) -> list[str]:
    """Return paths in their order, without those that only spell an earlier one differently, as ``./a.jpg``."""
    found: dict[str, str] = {}
    for path in paths:
        found.setdefault(path if path.startswith(SAMPLE) else os.path.normpath(path), path)
    return list(found.values())


def combine(contents: Sequence[str], styles: Sequence[str]) -> list[tuple[str, str]]:
    """Return the first content with the first style, the second with the second, and so on.

    Raises:
        JobError: there are not as many of the one as of the other.
    """
    if len(contents) != len(styles):
        raise JobError(
            f"--pair needs as many style images as content images, not {len(contents)} and {len(styles)}; "
            "leave --pair out to make every content with every style"
        )
    return list(zip(contents, styles, strict=True))


def _expanded(text: str, role: str, closed: Collection[Path] | None) -> Iterator[str]:
    """Yield the files that one argument stands for, and the folders that are not entered.

    In folders none is entered where ``closed`` is ``None``, otherwise all but those.
    """
    if is_folder(text):
        yield from _inside(Path(text), closed)
    elif text.startswith(SAMPLE) or exists(text):
        yield text
    elif glob.has_magic(text):
        found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - the pattern may be absolute
        if not found:
            raise NoImagesError(f"no file matches the {role} pattern '{text}'")
        for path in found:
            if closed is not None and is_folder(path):
                yield from _inside(Path(path), closed)
            else:
                yield path
    else:
        raise ImageError(f"the {role} image or folder '{text}' does not exist")


def _inside(folder: Path, closed: Collection[Path] | None) -> Iterator[str]:
    """Yield what is in a folder, sorted, without hidden files; a folder in it itself unless it is entered."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ImageError(f"the folder '{folder}' cannot be read: {error.strerror}; change its permissions") from None
    for path in paths:
        entered = closed is not None and is_folder(path) and path.resolve() not in closed
        if entered and not path.is_symlink():  # a link may lead in circles
            yield from _inside(path, closed)
        else:
            yield str(path)


def _reason(path: str, results: Collection[Path]) -> str:
    """Return why a path is not used, as the rest of a sentence; "" for an image."""
    if path.startswith(SAMPLE):
        return ""
    whole = Path(path).resolve()
    if whole in results or not set(whole.parents).isdisjoint(results):
        return "a result of this batch"
    if is_folder(path):
        return FOLDER
    if not is_file(path):
        return "not a file"
    return "" if is_image(path) else "not an image"
