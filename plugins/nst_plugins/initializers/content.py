"""Starting from the content image."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core import Initializer, JobError

__all__ = ["ContentStart"]


class ContentStart(Initializer):
    """The content image itself: less noise and fewer steps than from noise."""

    def initial(
        self,
        size: tuple[int, int],  # noqa: ARG002
        *,
        content: Tensor | None,
        style: Tensor | None,  # noqa: ARG002
        generator: torch.Generator,  # noqa: ARG002
    ) -> Tensor:
        """Return the content image."""
        if content is None:
            raise JobError("there is no content image to start from; use --init noise")
        return content
