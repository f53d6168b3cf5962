"""Thumbnails of the images that the pictures were made from."""

from __future__ import annotations

from PIL import Image

from nst_cli.report.contents import Report
from nst_core.errors import ImageError
from nst_core.experiments.naming import short_name
from nst_core.images import load_image, to_pil

__all__ = ["source_thumbnails"]


def source_thumbnails(report: Report, side: int) -> list[tuple[str, Image.Image]]:
    """Return a label and a picture of at most ``side`` pixels for each image that can be read."""
    shown = []
    for role, path in report.sources():
        try:
            picture = load_image(path, size=side, role=f"{role} image")
        except ImageError:
            continue  # the cells that need it say so
        shown.append((f"{role}: {short_name(path)}", to_pil(picture.pixels)))
    return shown
