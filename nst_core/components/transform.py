"""Image transforms: what is done to style images, and where the colours of the picture come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

__all__ = ["ImageTransform"]


class ImageTransform(ABC):
    """Changes images outside the optimization: their colours, for instance.

    A job uses a transform for its style images alone, in which case only :meth:`transform` is called, or as its colour
    mode, with all three stages: style images, photograph, and the picture that was made. The order is that of the
    methods below. A style image's own transform comes before that of the colour mode.

    Attributes:
        needs_content: whether it cannot do without a content image; jobs that have none are then refused. Otherwise
            it must also work where ``content`` is ``None``.
        parametrization: name of the parametrization that the colour mode needs, "" for the job's own.
    """

    needs_content: ClassVar[bool] = False
    parametrization: ClassVar[str] = ""

    @abstractmethod
    def transform(self, image: Tensor, content: Tensor | None) -> Tensor:
        """Return what a style image becomes before its features are taken.

        Args:
            image: style image ``(1, 3, H, W)`` float32 in [0, 1], on the CPU; stays as it is.
            content: content image ``(1, 3, H', W')``, or ``None`` where the job has none.

        Returns:
            ``(1, 3, H, W)`` float32 in [0, 1]: the same height and width. The image itself means that nothing changed.

        Raises:
            JobError: there is no content image, and it needs one.
        """

    def content_image(self, content: Tensor) -> Tensor:
        """Return what the photograph becomes before its features are taken, and before initializers see it.

        Args:
            content: content image ``(1, 3, H, W)`` float32 in [0, 1], on the CPU; stays as it is.

        Returns:
            ``(1, 3, H, W)`` float32 in [0, 1]; the photograph itself unless overridden.
        """
        return content

    def finish(self, pastiche: Tensor, content: Tensor | None) -> Tensor:  # noqa: ARG002
        """Return what the picture becomes after the optimization, and in every preview of it.

        Args:
            pastiche: ``(1, 3, H, W)`` float32 in [0, 1]; stays as it is.
            content: the photograph at the size of the pastiche, ``(1, 3, H, W)`` on the same device, as it is without
                :meth:`content_image`; or ``None`` where the job has none.

        Returns:
            ``(1, 3, H, W)`` float32 in [0, 1]; the picture itself unless overridden.

        Raises:
            JobError: there is no content image, and it needs one.
        """
        return pastiche
