"""Starting from the content image."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core import Initializer, InitialSources, JobError

__all__ = ["ContentStart"]


class ContentStart(Initializer):
    """The content image itself: less noise and fewer steps than from noise."""

    needs = ("content",)

    def initial(self, size: tuple[int, int], sources: InitialSources, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the content image."""
        if sources.content is None:
            raise JobError("there is no content image to start from; use --init noise")
        return sources.content
