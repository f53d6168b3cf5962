"""A prepared job: everything pinned once, and one problem for each resolution level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from nst_core.components import ImageTransform, Initializer, InitialSources, Parametrization
from nst_core.components.registry import Registry
from nst_core.engine.colour import color_mode, parametrization_of
from nst_core.engine.kept import Kept
from nst_core.engine.pinning import EarlierFrame, Images, pastiche_size
from nst_core.engine.problem import Problem, smaller_tiles
from nst_core.errors import BrokenContractError, is_out_of_memory
from nst_core.images import Picture
from nst_core.images.read import Decoded
from nst_core.images.resize import resample
from nst_core.job.schedule import Level, job_at
from nst_core.job.schema import Job, Source
from nst_core.objective.binding import bind_terms
from nst_core.objective.guides import Guides, shares_of
from nst_core.objective.networks import network_for
from nst_core.objective.objective import Objective
from nst_core.objective.targets import TargetImage, TargetImages, Targets
from nst_core.objective.terms import BoundTerm
from nst_core.objective.tiling import Tiling
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import convolution_precision

__all__ = ["PreparedJob"]


@dataclass(frozen=True)
class PreparedJob:
    """A job with everything pinned that was left open: images and weights by content, precision, levels, tiles.

    Attributes:
        job: the pinned job: what repeats the result.
        levels: resolution levels, from small to large.
        size: height and width of the pastiche in pixels.
        max_pixels: of a tile, its margin included; ``None`` computes images as a whole.
        device: where it is computed.
        dtype: of the network.
        remarks: what the user should know, for example that an image is smaller than the size asked for.
        registry: where its components are.
        cache: of the session.
        images: decoded.
        files: images that parameters of the initializer name, decoded, by parameter.
    """

    job: Job
    levels: tuple[Level, ...]
    size: tuple[int, int]
    max_pixels: int | None
    device: torch.device
    dtype: torch.dtype
    remarks: tuple[str, ...]
    registry: Registry = field(repr=False)
    cache: Cache = field(repr=False)
    images: Images = field(repr=False)
    files: dict[str, Decoded] = field(repr=False)

    def problem(self, number: int = -1, start: Tensor | None = None, image: Tensor | None = None) -> Problem:
        """Return the problem of one resolution level.

        Args:
            number: of the level, from 0, the smallest; the last one by default.
            start: variable to begin with: the best one of the level before, which is enlarged, or one of this level's
                own size; the initializer's image by default.
            image: instead of ``start``, the image to begin with, ``(1, 3, H, W)`` in [0, 1]; one of another size is
                resized.
        """
        level = self.levels[number]
        job = job_at(self.job, level, max(self.size))
        content = self.images.content.at(job.size, enlarge=job.enlarge) if self.images.content else None
        sizes = self.images.style_sizes(job, level.size)
        styles = [d.at(pixels, enlarge=True) for d, pixels in zip(self.images.styles, sizes, strict=True)]
        color = color_mode(job, self.registry)
        transformed = tuple(self._transformed(s, p, content, color) for s, p in zip(job.styles, styles, strict=True))
        seen = self._seen(content.pixels, color) if content else None
        height, width = pastiche_size(job, self.images)

        changed = parametrization_of(job, self.registry)
        parametrization: Parametrization = self.registry.create("parametrization", changed)
        if start is None:
            if image is None:
                first = self._initial(job, (height, width), seen, transformed)
            else:
                first = resample(image.float(), (height, width))
            variable = parametrization.encode(first.to(self.device))
        elif parametrization.decode(start).shape[-2:] == (height, width):
            variable = start
        else:
            variable = parametrization.resize(start, (height, width))
        image = parametrization.decode(variable)
        _checked("parametrization", changed.name, image, (1, 3, height, width))
        kept = self._kept(job, seen, (height, width))

        network = network_for(job, self.registry, self.cache, self.device, self.dtype)
        terms = bind_terms(job, self.registry, network.extractor)
        regions = self.images.masks.guides(job, (height, width), self.device) if job.regions else []
        guides = self._content_guides(terms, (height, width))
        if regions:
            guides["style"] = [region for region, _ in regions]
        earlier = [_resized(frame, (height, width), self.device) for frame in self.images.earlier]
        if earlier:
            guides["earlier"] = [Guides(weight.sqrt(), share) for _, weight, share in earlier]
        objective = network.objective(terms, guides)
        tiling = replace(objective.geometry, max_pixels=self.max_pixels)
        whole = [
            TargetImage(pixels.to(self.device), share, self._style_key(source, picture, pixels, content))
            for source, picture, pixels, share in zip(job.styles, styles, transformed, job.blend, strict=True)
        ]
        images: TargetImages = {
            "content": [TargetImage(seen.to(self.device))] if seen is not None else [],
            "style": [
                self._part_of_style(job, image, number)
                for number, (_, style) in enumerate(regions)
                for image in (whole if style is None else [replace(whole[style], share=1.0)])
            ]
            or whole,
            "earlier": [TargetImage(pixels, region=number) for number, (pixels, _, _) in enumerate(earlier)],
        }
        with convolution_precision(job.precision, self.device):
            targets, weights, used = self._targets(objective, images, kept.over(image) if kept else image, tiling)
        problem = Problem(
            objective=objective,
            targets=targets,
            weights=weights,
            tiling=used,
            note="" if used == tiling else smaller_tiles(used),
            parametrization=parametrization,
            kept=kept,
            variable=variable,
            size=(height, width),
            steps=level.steps,
            optimizer=self.registry.create("optimizer", job.optimizer),
            optimizer_component=job.optimizer,
            dtype=self.dtype,
            precision=self.job.precision,
            color=color,
            photograph=content.pixels.to(self.device) if content and color else None,
        )
        if self.job.color is not None:
            _checked("transform", self.job.color.name, problem.finished(image), (1, 3, height, width))
        return problem

    def _targets(
        self, objective: Objective, images: TargetImages, first: Tensor, tiling: Tiling
    ) -> tuple[Targets, tuple[float, ...], Tiling]:
        """Return targets and weights of an objective, and how images are cut: smaller where memory runs out."""
        largest = max([math.prod(first.shape[-2:]), *(math.prod(i.pixels.shape[-2:]) for i in chain(*images.values()))])
        while True:
            try:
                targets = objective.targets(images, start=first, tiling=tiling, cache=self.cache)
                weights = objective.weights
                if self.job.normalize_gradients:
                    noise = _reference_noise(first.shape[-2], first.shape[-1]).to(self.device)
                    weights = objective.normalized_weights(noise, targets, tiling=tiling)
            except (RuntimeError, MemoryError) as error:
                smaller = None if objective.untileable or not is_out_of_memory(error) else tiling.halved(largest)
                if smaller is None:
                    raise
            else:
                return targets, weights, tiling
            # Only here is nothing held any more that the error's traceback refers to.
            torch.accelerator.empty_cache()
            tiling = smaller

    def from_size(self, longest: int) -> PreparedJob:
        """Return the job without the resolution levels whose longest side in pixels is less; the last one remains."""
        left = [level for level in self.levels if level.size >= longest]
        return replace(self, levels=tuple(left or self.levels[-1:]))

    def alpha_at(self, shape: tuple[int, int]) -> Tensor | None:
        """Return the content image's alpha channel at a height and width, see :class:`Picture`."""
        return self.images.content.alpha_at(shape) if self.images.content else None

    def _content_guides(self, terms: Sequence[BoundTerm], size: tuple[int, int]) -> dict[str, list[Guides]]:
        """Leave what is transparent in the content image out of the content losses that can do without it."""
        alpha = self.alpha_at(size)
        if alpha is None or not all(term.takes_regions for term in terms if term.source == "content"):
            return {}
        return {"content": [Guides(alpha.to(self.device), shares_of([alpha], [1.0])[0])]}

    def _part_of_style(self, job: Job, whole: TargetImage, number: int) -> TargetImage:
        """Return the target of a region: a style image that it takes, or the part of it that is asked for."""
        masks, size = self.images.masks, (whole.pixels.shape[-2], whole.pixels.shape[-1])
        guides = masks.style_guides(job, number, size, self.device)
        key = masks.style_key(job, number)
        return replace(whole, region=number, guides=guides, guides_key=key)

    def _kept(self, job: Job, seen: Tensor | None, size: tuple[int, int]) -> Kept | None:
        mask = self.images.masks.kept(job, size)
        if mask is None or seen is None:
            return None
        return Kept(mask.to(self.device), seen.to(self.device))

    def _transformed(
        self, source: Source, picture: Picture, content: Picture | None, color: ImageTransform | None
    ) -> Tensor:
        """Return a style image after its own transform, and then that of the colour mode."""
        pixels, photograph = picture.pixels, content.pixels if content else None
        if source.transform is not None:
            transform: ImageTransform = self.registry.create("transform", source.transform)
            found = transform.transform(pixels, photograph)
            pixels = _checked("transform", source.transform.name, found, picture.pixels.shape)
        if color is not None and self.job.color is not None:
            found = color.transform(pixels, photograph)
            pixels = _checked("transform", self.job.color.name, found, picture.pixels.shape)
        return pixels

    def _seen(self, photograph: Tensor, color: ImageTransform | None) -> Tensor:
        """Return the photograph as network and initializer see it."""
        if color is None or self.job.color is None:
            return photograph
        return _checked("transform", self.job.color.name, color.content_image(photograph), photograph.shape)

    def _style_key(
        self, source: Source, picture: Picture, pixels: Tensor, content: Picture | None
    ) -> tuple[object, ...]:
        """Return what decides the features of a style image; where no transform changed it, that is the image alone."""
        network = (self.job.extractor, self.device, self.dtype, self.job.precision)
        image = (network, picture.sha256, tuple(picture.pixels.shape))
        if pixels is picture.pixels:
            return image
        return (*image, source.transform, self.job.color, (content.sha256, content.pixels.shape) if content else None)

    def _initial(self, job: Job, size: tuple[int, int], content: Tensor | None, styles: tuple[Tensor, ...]) -> Tensor:
        height, width = size
        initializer: Initializer = self.registry.create("initializer", job.initializer)
        sources = InitialSources(
            content=content,
            styles=styles,
            files={name: decoded.at().pixels for name, decoded in self.files.items()},
        )
        initial = initializer.initial(size, sources, torch.Generator().manual_seed(job.seed))
        return _checked("initializer", job.initializer.name, initial, (1, 3, height, width))


def _checked(kind: str, name: str, pixels: Any, shape: tuple[int, ...]) -> Tensor:
    """Return the pixels that a component gave, if they are what its interface demands, to rounding."""
    if not isinstance(pixels, Tensor):
        given = f"a {type(pixels).__name__}"
    elif pixels.shape != shape:
        given = str(tuple(pixels.shape))
    elif not torch.isfinite(pixels).all():
        given = "some that are not finite"
    elif pixels.min() < -1e-3 or pixels.max() > 1 + 1e-3:
        given = f"values from {float(pixels.min()):.4g} to {float(pixels.max()):.4g}"
    else:
        return pixels.float()
    raise BrokenContractError(
        kind, name, f"must give finite pixels of shape {tuple(shape)} in [0, 1], but gave {given}"
    )


def _resized(frame: EarlierFrame, size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor, float]:
    """Return pixels and weights of an earlier frame at the size of a level, and the factor on its loss.

    The sum over positions is divided by their total weight; times the mean weight, every position counts as much as its
    weight says, whatever the others have.
    """
    weight = resample(frame.weight.float(), size).clamp(0.0, 1.0).to(device)
    return resample(frame.pixels.float(), size).to(device), weight, shares_of([weight], [1.0])[0]


def _reference_noise(height: int, width: int) -> Tensor:
    """Return the image at which gradients are measured; the same for every seed."""
    noise = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return (0.5 + 0.05 * noise).clamp(0.0, 1.0)
