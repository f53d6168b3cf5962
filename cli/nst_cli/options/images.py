"""Images that are named on the command line: none of them may be a folder, and the error says what to do with one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nst_core.errors import ImageError
from nst_core.files import is_folder
from nst_core.job.named_files import named_files
from nst_core.options.table import options_table

if TYPE_CHECKING:
    from nst_core import Job, Registry

__all__ = ["check_no_folder", "check_no_folder_in", "check_no_folder_measured"]


def check_no_folder(contents: Sequence[str | None] = (), styles: Sequence[str] = ()) -> None:
    """Check that no content or style image that was named is a folder.

    Args:
        contents: content images; ``None`` where none is given.
        styles: style images.

    Raises:
        ImageError: one is; says what there is for all images of a folder.
    """
    for path in contents:
        _refuse("content image", path, "All images of the folder: nst batch {} --styles STYLE")
    for path in styles:
        _refuse("style image", path, "All images of the folder: nst batch CONTENT --styles {}")


def check_no_folder_in(job: Job, registry: Registry) -> None:
    """Check that no image that a component of a job reads is a folder, as the initial image.

    Raises:
        ImageError: one is; says what there is for all images of a folder.
    """
    for file in named_files(job, registry.file_parameters):
        option = options_table().get(file.options[0])
        if option is not None and file.role != "weights":
            each = file.form.replace("FILE", '"$image"')
            _check(file.role, file.path, f"nst run CONTENT STYLE {option.flags[0]} {each}")


def check_no_folder_measured(image: str, content: str | None, style: str | None) -> None:
    """Check that no image that is to be measured, or compared with, is a folder.

    Raises:
        ImageError: one is; says what there is for all images of a folder.
    """
    _check("image", image, 'nst eval "$image"')
    _check("content image", content, 'nst eval IMAGE --content "$image"')
    _check("style image", style, 'nst eval IMAGE --style "$image"')


def _check(role: str, path: str | None, each: str) -> None:
    """Refuse a folder; ``each`` is a command for one image of it."""
    _refuse(role, path, f"All images of the folder, in the shell: for image in {{}}/*; do {each}; done")


def _refuse(role: str, path: str | None, advice: str) -> None:
    """Refuse a folder; the advice has {} in its place."""
    if path and is_folder(path):
        folder = shlex.quote(path.rstrip("/") or "/")
        raise ImageError(f"the {role} '{path}' is a folder; name image files. {advice.replace('{}', folder)}")
