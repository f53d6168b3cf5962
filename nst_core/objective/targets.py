"""What the terms of an objective compare with: a value, made from images and given to every evaluation."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from nst_core.errors import JobError
from nst_core.objective.features import FeatureNetwork
from nst_core.objective.guides import Guides
from nst_core.objective.terms import Accumulator, BoundTerm
from nst_core.objective.tiling import Tile, Tiling

__all__ = ["TargetCache", "TargetImage", "TargetImages", "Targets", "find_targets"]


@dataclass(frozen=True)
class TargetImage:
    """An image whose features give targets.

    Attributes:
        pixels: ``(1, 3, H, W)`` in [0, 1], on the device of the network.
        share: of the blend of all images of its source and region; the shares are positive and add up to one.
        key: what identifies the pixels and the network in a cache, ``None`` for an image that is not to be cached.
        region: number of the region of its source that it is the target of, from 0.
        guides: which of its positions count, and how much.
        guides_key: what identifies the guides in a cache, ``None`` where all positions count the same.
    """

    pixels: Tensor = field(repr=False)
    share: float = 1.0
    key: Hashable = None
    region: int = 0
    guides: Guides = field(default=Guides(), repr=False)
    guides_key: Hashable = None


TargetImages = Mapping[str, Sequence[TargetImage]]
"""Images by source; see :class:`nst_core.components.Role`."""


class TargetCache(Protocol):
    """Keeps targets by what decides them."""

    def target(self, key: Hashable) -> Any:
        """Return the target kept for ``key``, or ``None``."""

    def keep_target(self, key: Hashable, value: Any) -> None:
        """Keep a target."""


@dataclass(frozen=True)
class Targets:
    """The targets of an objective's terms.

    Attributes:
        by_term: in the order of the terms, and for each of the regions of its source; statistics or feature maps by
            layer, ``None`` for a loss on pixels.
    """

    by_term: tuple[tuple[Any, ...], ...] = field(repr=False)


def find_targets(
    network: FeatureNetwork,
    terms: Sequence[BoundTerm],
    regions: Mapping[str, Sequence[Guides]],
    images: TargetImages,
    *,
    cut: Callable[[Tensor], Sequence[Tile]],
    start: Tensor | None = None,
    cache: TargetCache | None = None,
) -> Targets:
    """Extract what terms compare with.

    Args:
        network: of their layers.
        terms: of an objective.
        regions: of the pastiche, by source; a source that is not named has one, which is everything.
        images: by source; a source that no term needs is not looked at.
        cut: the tiles of an image.
        start: the image ``(1, 3, H, W)`` in [0, 1] that a level starts from, for terms whose targets depend on it.
        cache: where targets by loss, layer, image and guides are looked up and kept, but for what depends on the start.

    Raises:
        JobError: a term needs a source that has no image, or a start and there is none.
    """
    by_term: dict[str, tuple[Any, ...]] = {}
    for source in dict.fromkeys(term.source for term in terms):
        comparing = [term for term in terms if term.source == source]
        if not source:
            by_term |= {term.label: (None,) for term in comparing}
            continue
        by_region: list[dict[str, Any]] = []
        for number in range(len(regions.get(source, (None,)))):
            chosen = [image for image in images.get(source, ()) if image.share > 0 and image.region == number]
            if not chosen:
                raise JobError(f"'{comparing[0].label}' needs a {source} image, but none is given")
            found = [_observed(network, comparing, image, cut(image.pixels), cache) for image in chosen]
            shares, guides = [image.share for image in chosen], [image.guides for image in chosen]
            by_region.append(
                {term.label: term.blend([one[term.label] for one in found], shares, guides) for term in comparing}
            )
        by_term |= {term.label: tuple(targets[term.label] for targets in by_region) for term in comparing}
    by_term |= _level_targets(network, terms, regions, by_term, start, images.get("content", ()))
    return Targets(tuple(by_term[term.label] for term in terms))


def _level_targets(
    network: FeatureNetwork,
    terms: Sequence[BoundTerm],
    regions: Mapping[str, Sequence[Guides]],
    by_term: Mapping[str, tuple[Any, ...]],
    start: Tensor | None,
    contents: Sequence[TargetImage],
) -> dict[str, tuple[Any, ...]]:
    """Return the targets of the terms whose targets depend on the image that a level starts from."""
    depending = [term for term in terms if term.has_level_targets]
    if not depending:
        return {}
    if start is None:
        raise JobError(f"the targets of '{depending[0].label}' depend on the image that a level starts from; give it")
    with torch.no_grad():
        first, *others = (
            network.features(image, tile, image)
            for image in (start, *(content.pixels for content in contents[:1]))
            for tile in Tiling().tiles(*image.shape[-2:])
        )
        content = others[0] if others else None
        return {
            term.label: tuple(
                term.level_target(target, first, content, guides)
                for target, guides in zip(by_term[term.label], regions.get(term.source, (Guides(),)), strict=True)
            )
            for term in depending
        }


def _observed(
    network: FeatureNetwork,
    terms: Sequence[BoundTerm],
    image: TargetImage,
    tiles: Sequence[Tile],
    cache: TargetCache | None,
) -> dict[str, dict[str, Any]]:
    """Return what every term collects from one image, by layer: from the cache, else in one pass of the network."""

    def key_of(term: BoundTerm, layer: str) -> Hashable:
        # Tiles decide how sums are rounded: what a run gives may not depend on what its session did before.
        guides = image.guides_key if term.guided_sums else None
        return (image.key, tuple(tiles), term.target_key(layer, layer in network.projections), guides)

    known = cache if image.key is not None else None
    found: dict[str, dict[str, Any]] = {}
    missing: list[tuple[BoundTerm, Accumulator]] = []
    for term in terms:
        values = {layer: known.target(key_of(term, layer)) if known else None for layer in term.term.layers}
        found[term.label] = values
        lacking = [layer for layer, value in values.items() if value is None]
        if lacking:
            missing.append((term, term.accumulator(lacking)))
    if missing:
        guides = {terms[0].source: (image.guides,)}
        with torch.no_grad():
            for tile in tiles:
                features = network.features(image.pixels, tile, tile.cut(image.pixels), guides)
                for _, accumulator in missing:
                    accumulator.add(features)
    for term, accumulator in missing:
        for layer, value in accumulator.result().items():
            found[term.label][layer] = value
            if known is not None:
                known.keep_target(key_of(term, layer), value)
    return found
