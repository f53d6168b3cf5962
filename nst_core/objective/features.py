"""What the losses see: the feature maps of an image, or of one tile of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from nst_core.components import PIXELS, Tap
from nst_core.objective.tiling import Tile
from nst_core.ops import Projection

__all__ = ["TileFeatures"]


@dataclass(frozen=True)
class TileFeatures:
    """A tile with its feature maps; the tile may be the whole image.

    Attributes:
        tile: where it lies.
        maps: by layer, of all pixels that were computed, the margin included; ``pixels`` are these pixels.
        taps: geometry of the layers.
        image_size: height and width of the whole image.
        projections: by layer, where the maps are those before a projection.
    """

    tile: Tile
    maps: Mapping[str, Tensor]
    taps: Mapping[str, Tap]
    image_size: tuple[int, int]
    projections: Mapping[str, Projection]

    @property
    def image(self) -> Tensor:
        """The pixels that were computed, ``(B, 3, h, w)``."""
        return self.maps[PIXELS]

    def interior(self, layer: str) -> Tensor:
        """Return the positions of a layer that belong to the tile, without its margin."""
        return self.tile.interior(self.maps[layer], self.taps[layer].stride)

    def part_of(self, layer: str, whole: Tensor) -> Tensor:
        """Return the same positions of a map of the whole image."""
        return self.tile.place(whole, self.taps[layer].stride)
