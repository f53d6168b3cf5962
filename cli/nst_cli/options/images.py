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
        _check("content image", path, 'nst run "$image" STYLE', "nst grid --contents {} --styles STYLE")
    for path in styles:
        _check("style image", path, 'nst run CONTENT "$image"', "nst grid --contents CONTENT --styles {}")


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


def _check(role: str, path: str | None, each: str, together: str = "") -> None:
    """Refuse a folder; ``each`` is a command for one image of it, ``together`` one for all of them, with {}."""
    if not path or not is_folder(path):
        return
    inside = f"{shlex.quote(path.rstrip('/'))}/*"
    report = f" A picture and a report from all images of the folder: {together.format(inside)}." if together else ""
    alone = "Pictures alone, in the shell" if together else "All images of the folder, in the shell"
    raise ImageError(
        f"the {role} '{path}' is a folder; name image files.{report} {alone}: for image in {inside}; do {each}; done"
    )
