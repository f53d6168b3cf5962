"""What the losses see: the feature maps of an image, or of one tile of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor, nn

from nst_core.components import PIXEL_TAP, PIXELS, Tap
from nst_core.errors import PluginError
from nst_core.objective.guides import Guides
from nst_core.objective.tiling import Tile
from nst_core.ops import Projection, PullBack, Traceable

__all__ = ["FeatureNetwork", "TileFeatures"]


@dataclass(frozen=True)
class TileFeatures:
    """A tile with its feature maps; the tile may be the whole image.

    Attributes:
        tile: where it lies.
        maps: by layer, of all pixels that were computed, the margin included; ``pixels`` are these pixels.
        taps: geometry of the layers.
        image_size: height and width of the whole image.
        projections: by layer, where the maps are those before a projection.
        guides: by source, one for each of its regions; a source that is not named has one, which is everything.
    """

    tile: Tile
    maps: Mapping[str, Tensor]
    taps: Mapping[str, Tap]
    image_size: tuple[int, int]
    projections: Mapping[str, Projection]
    guides: Mapping[str, Sequence[Guides]] = field(default_factory=dict)

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

    def regions(self, source: str) -> Sequence[Guides]:
        """Return the guides of a source's regions: at least one."""
        return self.guides.get(source, (Guides(),))

    def weight(self, guides: Guides, layer: str, feature: Tensor) -> Tensor | None:
        """Return the weights of a layer's positions that belong to the tile, ``(B, 1, h, w)``, ``None`` for ones.

        Args:
            guides: of a region.
            layer: of the extractor, or the pixels.
            feature: :meth:`interior` of the layer. Convolutions may leave out a last row or column.
        """
        whole = guides.weight(self.taps[layer], feature.dtype)
        if whole is None:
            return None
        own = self.part_of(layer, whole)[..., : feature.shape[-2], : feature.shape[-1]]
        return own.to(feature.device).expand(len(feature), -1, -1, -1)

    def positions(self, guides: Guides, layer: str, feature: Tensor) -> float:
        """Return the sum of :meth:`weight` over the positions of one image; their number, where each counts as one."""
        if guides.mask is None:
            return float(feature.shape[-2] * feature.shape[-1])
        # Asked for at every evaluation: it is known from the first on, for the sum is copied from the device.
        key = self.tile, self.taps[layer], feature.dtype, feature.shape[-2:]
        return guides.known_total(key, lambda: self._total(guides, layer, feature))

    def _total(self, guides: Guides, layer: str, feature: Tensor) -> float:
        weight = self.weight(guides, layer, feature)
        assert weight is not None  # noqa: S101 - for the type checker: there is a mask
        return float(weight[0].sum())


class FeatureNetwork:
    """A network whose maps are looked at tile by tile. It never changes once it is made."""

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        taps: Mapping[str, Tap],
        projections: Mapping[str, Projection] = MappingProxyType({}),
    ) -> None:
        """Take a network.

        Args:
            network: maps an image to the feature maps of ``layers``, in order.
            layers: of the extractor; none where nothing but pixels is looked at.
            taps: geometry of the layers.
            projections: of the layers whose maps the network returns as they are before their projections.
        """
        self.layers = tuple(layers)
        self.taps = {PIXELS: PIXEL_TAP, **taps}
        self.projections = dict(projections)
        self._network = network

    def features(
        self,
        image: Tensor,
        tile: Tile,
        pixels: Tensor,
        guides: Mapping[str, Sequence[Guides]] = MappingProxyType({}),
    ) -> TileFeatures:
        """Compute the maps of a tile.

        Args:
            image: ``(B, 3, H, W)``, the whole of it.
            tile: a part of it.
            pixels: of the tile, its margin included; with a graph where one is wanted.
            guides: of the regions, by source.
        """
        return self._of(image, tile, pixels, self._network(pixels) if self.layers else [], guides)

    def traced(
        self, image: Tensor, tile: Tile, pixels: Tensor, guides: Mapping[str, Sequence[Guides]]
    ) -> tuple[TileFeatures, PullBack | None]:
        """Compute the maps of a tile, and how to get from their gradients to that of the pixels.

        Args:
            image: ``(B, 3, H, W)``, the whole of it.
            tile: a part of it.
            pixels: of the tile, its margin included, ``(B, 3, h, w)``; the leaf of a graph.
            guides: of the regions, by source.

        Returns:
            The maps, and ``None`` where they have a graph that begins at the pixels; else each begins one of its own,
            and a function takes their gradients, by their index among the layers, to that of the pixels.
        """
        if not (self.layers and isinstance(self._network, Traceable)):
            return self.features(image, tile, pixels, guides), None
        found, pull_back = self._network.traced(pixels)
        return self._of(image, tile, pixels, [one.requires_grad_() for one in found], guides), pull_back

    def _of(
        self,
        image: Tensor,
        tile: Tile,
        pixels: Tensor,
        found: Sequence[Tensor],
        guides: Mapping[str, Sequence[Guides]],
    ) -> TileFeatures:
        if len(found) != len(self.layers):
            raise PluginError(f"the network gave {len(found)} feature maps for the layers {', '.join(self.layers)}")
        maps = {PIXELS: pixels, **dict(zip(self.layers, found, strict=True))}
        height, width = image.shape[-2:]
        return TileFeatures(tile, maps, self.taps, (height, width), self.projections, guides)
