"""Starting from any image file."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core import Initializer, InitialSources, JobError

__all__ = ["ImageStart"]


class ImageStart(Initializer):
    """A picture from a file, resized to the size of the pastiche: an earlier result, a sketch, a gradient.

    ``path_sha256`` is the SHA-256 that the file must have, "" for any.
    """

    file_parameters = ("path",)

    def __init__(self, path: str = "", path_sha256: str = "") -> None:
        self.path = path
        self.path_sha256 = path_sha256

    def initial(self, size: tuple[int, int], sources: InitialSources, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Resize the picture."""
        if not self.path:
            raise JobError("initializer 'image' needs a file: --init image:path=FILE")
        pixels = sources.files["path"]
        if pixels.shape[-2:] == size:
            return pixels
        return F.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
