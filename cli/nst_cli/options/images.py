"""Images that are named on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from nst_core.errors import ImageError
from nst_core.files import is_folder

__all__ = ["check_no_folder"]


def check_no_folder(contents: Sequence[str | None] = (), styles: Sequence[str] = ()) -> None:
    """Check that no image that was named is a folder.

    Args:
        contents: content images; ``None`` where none is given.
        styles: style images.

    Raises:
        ImageError: one is; says what there is for all images of a folder.
    """
    for role, paths in (("content", contents), ("style", styles)):
        for path in paths:
            if path and is_folder(path):
                inside = f"{shlex.quote(path.rstrip('/'))}/*"
                images = ("CONTENT", '"$image"') if role == "style" else ('"$image"', "STYLE")
                lists = ("CONTENT", inside) if role == "style" else (inside, "STYLE")
                raise ImageError(
                    f"the {role} image '{path}' is a folder; name image files. A picture and a report from all images "
                    f"of the folder: nst grid --contents {lists[0]} --styles {lists[1]}. Pictures alone, in the shell: "
                    f"for image in {inside}; do nst run {' '.join(images)}; done"
                )
