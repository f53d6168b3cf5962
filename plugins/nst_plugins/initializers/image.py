"""Starting from any image file."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core import Initializer, JobError, ParamValue, load_image

__all__ = ["ImageStart"]


class ImageStart(Initializer):
    """A picture from a file, resized to the size of the pastiche: an earlier result, a sketch, a gradient.

    ``sha256`` is the digest that the file must have, "" for any.
    """

    def __init__(self, path: str = "", sha256: str = "") -> None:
        self.path = path
        self.sha256 = sha256

    def initial(
        self,
        size: tuple[int, int],
        *,
        content: Tensor | None,  # noqa: ARG002
        style: Tensor | None,  # noqa: ARG002
        generator: torch.Generator,  # noqa: ARG002
    ) -> Tensor:
        """Read and resize the file."""
        if not self.path:
            raise JobError("initializer 'image' needs a file: --init image:path=FILE")
        picture = load_image(self.path, role="initial image")
        if self.sha256 not in ("", picture.sha256):
            raise JobError(
                f"initial image '{self.path}' is not the one the recipe was made with (SHA-256 {picture.sha256}, "
                f"expected {self.sha256}); give the right file with --init image:path=FILE"
            )
        self.sha256 = picture.sha256
        pixels = picture.pixels
        if pixels.shape[-2:] == size:
            return pixels
        return F.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0.0, 1.0)

    def pinned(self) -> dict[str, ParamValue]:
        """Return the digest of the file."""
        return {"sha256": self.sha256}
