"""Image transforms: what is done to a style image before its features are taken."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

__all__ = ["ImageTransform"]


class ImageTransform(ABC):
    """Changes an image before the extractor sees it: its colours, for instance."""

    @abstractmethod
    def transform(self, image: Tensor, content: Tensor | None) -> Tensor:
        """Return the transformed image.

        Args:
            image: style image ``(1, 3, H, W)`` float32 in [0, 1]; stays as it is.
            content: content image ``(1, 3, H', W')``, or ``None`` where the job has none.

        Returns:
            ``(1, 3, H, W)`` float32 in [0, 1]: the same height and width.
        """
