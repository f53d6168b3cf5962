"""Initializers: the image that the optimisation starts from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

__all__ = ["InitialSources", "Initializer"]


@dataclass(frozen=True)
class InitialSources:
    """The images that an initializer may start from.

    Attributes:
        content: content image ``(1, 3, H, W)`` of the pastiche's size, or ``None``.
        styles: style images, each ``(1, 3, H', W')`` of its own size, transformed; empty where there are none.
        files: the images that the initializer's :attr:`Initializer.file_parameters` name, by parameter, each
            ``(1, 3, H'', W'')`` of its own size.
    """

    content: Tensor | None = None
    styles: tuple[Tensor, ...] = ()
    files: Mapping[str, Tensor] = field(default_factory=dict)


class Initializer(ABC):
    """Makes the image the optimisation starts from.

    Attributes:
        file_parameters: names of the parameters that are paths of image files, "" for none. The framework reads these
            files once, passes them to :meth:`initial`, and notes their SHA-256 in a parameter named after each:
            ``path`` in ``path_sha256``, which the constructor must have too.
        needs: which of the images "content" and "style" it requires; one that needs none, such as noise, can start a
            reconstruction or a texture.
    """

    file_parameters: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def initial(self, size: tuple[int, int], sources: InitialSources, generator: torch.Generator) -> Tensor:
        """Return the first image.

        Args:
            size: height and width of the pastiche in pixels.
            sources: the images of the job.
            generator: on the CPU, seeded by the job; use no other source of randomness.

        Returns:
            ``(1, 3, H, W)`` on the CPU, float32, in [0, 1].

        Raises:
            JobError: an image that it needs is missing; the message says what to use instead.
        """
