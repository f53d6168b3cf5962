"""Regions of a job: its masks opened and checked, and the guides that they give at a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nst_core.errors import ImageError
from nst_core.images.mask import Mask, color_of, load_mask
from nst_core.images.read import Decoded
from nst_core.images.store import ImageStore
from nst_core.job.schema import Job, Region, Source
from nst_core.objective.guides import Guides, shares_of

__all__ = ["Masks", "check_visible", "hashed_masks", "open_masks", "without_paths"]

LEAST_PIXELS = 64
"""Area in pixels that a region needs, in the pastiche and in the style image: statistics of fewer say nothing."""


@dataclass(frozen=True)
class Masks:
    """The masks of a job, decoded at their own size.

    Attributes:
        regions: of every region.
        styles: of every region, in its style image; ``None`` for the whole style.
        keep: of what is the content image's own, ``None`` for nothing.
    """

    regions: tuple[Mask, ...] = field(default=(), repr=False)
    styles: tuple[Mask | None, ...] = field(default=(), repr=False)
    keep: Mask | None = field(default=None, repr=False)

    def check(self, job: Job, size: tuple[int, int], styles: Sequence[tuple[int, int]]) -> None:
        """Check the masks against the images that they are of.

        Args:
            job: the job.
            size: height and width of the pastiche.
            styles: of the style images, as they are used.

        Raises:
            ImageError: a mask has other proportions, or covers too few pixels.
        """
        for region, mask, style_mask in zip(job.regions, self.regions, self.styles, strict=True):
            role = f"the mask of region '{region.name}'"
            mask.check_proportions(size, role, "the picture")
            _check_area(_at(job, region, mask, size), region, "of the picture")
            if style_mask is not None:
                shape = styles[region.style - 1]
                style_mask.check_proportions(shape, f"the style mask of region '{region.name}'", "the style image")
                _check_area(_at(job, region, style_mask, shape), region, "of its style image")
        if self.keep is not None:
            self.keep.check_proportions(size, "the keep mask", "the picture")
            if float(self.keep.grey.max()) == 0:
                raise ImageError(
                    f"the keep mask '{self.keep.path}' is black everywhere, so nothing would be kept; draw what is to "
                    "be kept in white"
                )

    def guides(self, job: Job, size: tuple[int, int], device: torch.device) -> list[tuple[Guides, int | None]]:
        """Return the guides of the regions, what no region covers among them, each with the number of its style.

        ``None`` is the blend of all styles.

        Args:
            job: with at least one region.
            size: height and width of the pastiche at a level.
            device: of the network.
        """
        masks = [_at(job, region, mask, size) for region, mask in zip(job.regions, self.regions, strict=True)]
        weights, styles = [r.weight for r in job.regions], [r.style - 1 if r.style else None for r in job.regions]
        rest = _uncovered(masks)
        if job.outside == "style" and float(rest.sum()) >= 1:
            masks, weights, styles = [*masks, rest], [*weights, 1.0], [*styles, 0]
        shares = shares_of(masks, weights)
        return [
            (Guides(mask.to(device), share, job.guide), style)
            for mask, share, style in zip(masks, shares, styles, strict=True)
        ]

    def style_guides(self, job: Job, number: int, size: tuple[int, int], device: torch.device) -> Guides:
        """Return the guides of a region in its style image: everything where it has no style mask.

        Args:
            job: the job.
            number: of the region, from 0; beyond the last one, what no region covers.
            size: height and width of the style image at a level.
            device: of the network.
        """
        mask = self.styles[number] if number < len(self.styles) else None
        if mask is None:
            return Guides()
        return Guides(_at(job, job.regions[number], mask, size).to(device), 1.0, job.guide)

    def style_key(self, job: Job, number: int) -> tuple[object, ...] | None:
        """Return what decides :meth:`style_guides` beside the size; ``None`` for everything."""
        mask = self.styles[number] if number < len(self.styles) else None
        return None if mask is None else (mask.sha256, job.regions[number].color, _palette(job), job.guide)

    def found_in_maps(self, job: Job) -> list[str]:
        """Say of every map of colours how many regions it has, and how large they are."""
        names = _palette(job)
        colors = [color_of(name) for name in names]
        shares: dict[str, dict[str, float]] = {}
        for region, *masks in zip(job.regions, self.regions, self.styles, strict=True):
            for mask in masks:
                if region.color and mask is not None:
                    there = mask.areas(colors) == names.index(region.color)
                    shares.setdefault(mask.path, {})[region.color] = float(there.mean())
        return [
            f"the map '{path}' has {len(found)} region{'' if len(found) == 1 else 's'}: "
            + ", ".join(f"{color} {share:.1%}".replace("%", " %") for color, share in found.items())
            for path, found in shares.items()
        ]

    def kept(self, job: Job, size: tuple[int, int]) -> Tensor | None:
        """Return how much every pixel is the content image's own, ``(1, 1, H, W)`` in [0, 1], ``None`` for none."""
        masks = [self.keep.at(size)] if self.keep is not None else []
        if job.regions and job.outside == "keep":
            regions = [_at(job, region, mask, size) for region, mask in zip(job.regions, self.regions, strict=True)]
            masks.append(_uncovered(regions))
        return torch.stack(masks).amax(dim=0) if masks else None


def _at(job: Job, region: Region, mask: Mask, size: tuple[int, int]) -> Tensor:
    if not region.color:
        return mask.at(size)
    return mask.where(color_of(region.color), [color_of(color) for color in _palette(job)], size)


def _palette(job: Job) -> tuple[str, ...]:
    """Return the colours of all regions that have one: every pixel of a map belongs to one of them."""
    return tuple(dict.fromkeys(region.color for region in job.regions if region.color))


def _uncovered(masks: Sequence[Tensor]) -> Tensor:
    return (1.0 - torch.stack(list(masks)).sum(dim=0)).clamp(0.0, 1.0)


def check_visible(content: Decoded | None, size: tuple[int, int]) -> None:
    """Check that a content image is not transparent nearly everywhere.

    Args:
        content: the content image, if there is one.
        size: height and width of the pastiche.

    Raises:
        ImageError: it is.
    """
    alpha = content.alpha_at(size) if content else None
    if alpha is not None and float(alpha.sum()) < LEAST_PIXELS:
        raise ImageError(
            f"the content image is transparent but for {float(alpha.sum()):.3g} of its {alpha.numel()} pixels "
            f"({size[1]}×{size[0]}), and {LEAST_PIXELS} are needed; cut it out, or use a larger size"
        )


def _check_area(mask: Tensor, region: Region, of: str) -> None:
    covered, pixels = float(mask.sum()), mask.numel()
    if covered < LEAST_PIXELS:
        height, width = mask.shape[-2:]
        raise ImageError(
            f"region '{region.name}' covers {covered:.3g} of the {pixels} pixels {of} ({width}×{height}), and needs at "
            f"least {LEAST_PIXELS}; draw it in white and larger, or use a larger size"
        )


def open_masks(job: Job) -> Masks:
    """Open the masks of a job and check that they are those that it was made with.

    Raises:
        ImageError: a mask cannot be read, or is not the one whose hash the job holds.
    """
    known: dict[str, Mask] = {}

    def opened(source: Source, role: str) -> Mask:
        if source.path not in known:
            known[source.path] = load_mask(source.path, role)
        _check_hash(source, known[source.path].sha256, role)
        return known[source.path]

    return Masks(
        tuple(opened(region.mask, f"mask of region '{region.name}'") for region in job.regions),
        tuple(
            opened(region.style_mask, f"style mask of region '{region.name}'") if region.style_mask else None
            for region in job.regions
        ),
        opened(job.keep, "keep mask") if job.keep else None,
    )


def hashed_masks(job: Job, store: ImageStore) -> Job:
    """Return a job that holds the hashes of its masks.

    Raises:
        ImageError: a mask cannot be read, or is not the one whose hash the job holds.
    """

    def hashed(source: Source, role: str) -> Source:
        found = store.sha256(source.path, role)
        _check_hash(source, found, role)
        return replace(source, sha256=found)

    def with_hashes(region: Region) -> Region:
        of = f"mask of region '{region.name}'"
        style_mask = hashed(region.style_mask, f"style {of}") if region.style_mask else None
        return replace(region, mask=hashed(region.mask, of), style_mask=style_mask)

    keep = hashed(job.keep, "keep mask") if job.keep else None
    return replace(job, regions=tuple(map(with_hashes, job.regions)), keep=keep)


def without_paths(region: Region) -> Region:
    """Return a region whose masks count by their hashes alone."""
    style_mask = replace(region.style_mask, path="") if region.style_mask else None
    return replace(region, mask=replace(region.mask, path=""), style_mask=style_mask)


def _check_hash(source: Source, found: str, role: str) -> None:
    if source.sha256 not in ("", found):
        raise ImageError(
            f"{role} '{source.path}' is not the one the recipe was made with (its SHA-256 is {found[:12]}…, the recipe "
            f"says {source.sha256[:12]}…); restore that file, or give another mask"
        )
