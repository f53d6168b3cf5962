"""Pinning a job: its images opened, and everything filled in that it leaves open."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nst_core.components import ROLES, Extractor, Initializer, PretrainedExtractor
from nst_core.components.registry import Registry
from nst_core.engine.regions import Masks, check_visible, hashed_masks, open_masks
from nst_core.errors import ImageError, JobError, WeightsError
from nst_core.images import ImageInput
from nst_core.images.read import Decoded
from nst_core.images.resize import scaled_shape
from nst_core.images.store import ImageStore
from nst_core.job.schedule import Level, job_at, levels_of, style_size
from nst_core.job.schema import Component, Job, Source
from nst_core.objective.binding import bind_terms
from nst_core.objective.networks import check_minimum, layers_used
from nst_core.ops import native
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import choose_device, choose_dtype
from nst_core.weights import locate

__all__ = [
    "EarlierFrame",
    "Images",
    "Inputs",
    "check_terms",
    "initial_files",
    "open_images",
    "pastiche_size",
    "pinned",
    "remarks_on",
    "schedule",
    "weights_by_content",
    "with_recorded_weights",
]


@dataclass(frozen=True)
class EarlierFrame:
    """An earlier frame of a clip, as it looks from the current one: what temporal losses compare with.

    Attributes:
        pixels: the painted frame with everything where it is now, ``(1, 3, H, W)`` in [0, 1].
        weight: how much every pixel counts, ``(1, 1, H, W)`` in [0, 1]: 0 where the earlier frame does not show what
            is there now.
    """

    pixels: Tensor = field(repr=False)
    weight: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        size = self.pixels.shape[-2:]
        if self.pixels.shape != (1, 3, *size) or self.weight.shape != (1, 1, *size):
            raise JobError(
                "an earlier frame has pixels of the shape (1, 3, H, W) and weights (1, 1, H, W), not "
                f"{tuple(self.pixels.shape)} and {tuple(self.weight.shape)}"
            )
        if not (self.weight.min() >= 0 and self.weight.max() <= 1):
            raise JobError("the weights of an earlier frame must be in [0, 1]")


@dataclass(frozen=True)
class Inputs:
    """Images that a job has no path for, because they are only in memory.

    Attributes:
        content: content image, or ``None``.
        styles: style images, in the order of the job's; ``None`` for those that have a path.
        earlier: earlier frames of the clip that the job paints a frame of.
    """

    content: ImageInput | None = None
    styles: Sequence[ImageInput | None] = ()
    earlier: Sequence[EarlierFrame] = ()


@dataclass(frozen=True)
class Images:
    """The images and masks of a job, decoded at their own size."""

    content: Decoded | None = field(repr=False)
    styles: tuple[Decoded, ...] = field(repr=False)
    masks: Masks = field(default=Masks(), repr=False)
    earlier: tuple[EarlierFrame, ...] = field(default=(), repr=False)

    def style_sizes(self, job: Job, longest: int) -> list[int]:
        """Longest side in pixels at which a job whose pastiche has a longest side uses every style image."""
        both = zip(job.styles, self.styles, strict=True)
        return [style_size(job, style, max(decoded.size), longest) for style, decoded in both]

    def style_shapes(self, job: Job, longest: int) -> list[tuple[int, int]]:
        """Height and width in pixels at which such a job uses every style image."""
        sizes = self.style_sizes(job, longest)
        return [decoded.size_at(pixels, enlarge=True) for decoded, pixels in zip(self.styles, sizes, strict=True)]


def open_images(job: Job, inputs: Inputs, store: ImageStore) -> Images:
    """Open the images of a job and check that they are those that it was made with.

    Args:
        job: the job.
        inputs: images that it has no path for.
        store: reads every file once.

    Raises:
        JobError: an image is missing, or one was passed that the job has no place for.
        ImageError: an image cannot be read, or is not the one whose hash the job holds.
    """
    given = list(inputs.styles) or [None] * len(job.styles)
    if len(given) != len(job.styles):
        raise JobError(f"the job has {len(job.styles)} style images, but {len(given)} were passed; pass one for each")
    if job.content is None and inputs.content is not None:
        raise JobError("a content image was passed, but the job has none; omit it, or make a job with one")
    return Images(
        content=_opened(job.content, inputs.content, "content", store) if job.content else None,
        styles=tuple(_opened(s, image, "style", store) for s, image in zip(job.styles, given, strict=True)),
        masks=open_masks(job),
        earlier=tuple(inputs.earlier),
    )


def _opened(source: Source, given: ImageInput | None, role: str, store: ImageStore) -> Decoded:
    if source.path and given is not None and not _is_path(given, source.path):
        raise JobError(
            f"the job's {role} image is '{source.path}', but another one was passed; make a job for that image"
        )
    image = source.path or given
    if image is None:
        raise JobError(
            f"the recipe has no path for the {role} image, which was only in memory; pass the {role} image again"
        )
    decoded = store.open(image, f"{role} image")
    _check_hash(source, decoded.sha256, role)
    return decoded


def _is_path(image: ImageInput, path: str) -> bool:
    return isinstance(image, str | os.PathLike) and os.fspath(image) == path


def _check_hash(source: Source, found: str, role: str) -> None:
    if source.sha256 not in ("", found) and not source.path:
        raise ImageError(
            f"the {role} image that was passed is not the one the recipe was made with (its SHA-256 is {found[:12]}…, "
            f"the recipe says {source.sha256[:12]}…); pass the right one, or make a job for this one"
        )
    if source.sha256 not in ("", found):
        raise ImageError(
            f"{role} image '{source.path}' is not the one the recipe was made with (its SHA-256 is "
            f"{found[:12]}…, the recipe says {source.sha256[:12]}…). Restore that file, or name "
            "all images on the command line to use the recipe with other images."
        )


def with_recorded_weights(job: Job, registry: Registry, cache: Cache) -> Job:
    """Return a job with the weights whose hash it holds, if the store has them under another name by now.

    The default weights of a network are others as soon as newer ones are imported.
    """
    extractor = cache.extractor(registry, job.extractor)
    if not job.weights_sha256 or not isinstance(extractor, PretrainedExtractor):
        return job
    weights = locate(job.weights_sha256, extractor.weights, extractor.architecture)
    if weights == extractor.weights:
        return job
    return replace(job, extractor=replace(job.extractor, params={**job.extractor.params, "weights": weights}))


def weights_by_content(job: Job) -> Job:
    """Return a pinned job without the path or name of its weights, as their hash says more."""
    if not job.weights_sha256:
        return job
    params = {name: value for name, value in job.extractor.params.items() if name != "weights"}
    return replace(job, extractor=replace(job.extractor, params=params))


def pinned(job: Job, registry: Registry, cache: Cache, store: ImageStore, images: Images | None = None) -> Job:
    """Fill in what a job leaves open: hashes of images, initial files and weights, precision, the extractor chosen.

    Args:
        job: the job.
        registry: where names are looked up.
        cache: of the session.
        store: reads and hashes every file once.
        images: the opened images; ``None`` hashes the files without decoding them.

    Raises:
        NstError: an image or the weights cannot be had, or are not those that the job was made with.
    """
    extractor = cache.extractor(registry, job.extractor)
    fingerprint = extractor.fingerprint()
    if job.weights_sha256 not in ("", fingerprint):
        raise WeightsError(
            f"the recipe was made with other weights (SHA-256 {job.weights_sha256[:12]}…) than those found here "
            f"({fingerprint[:12]}…), and the store has no set with that hash ('nst weights list --json' shows them). "
            "Give the original file with --weights PATH; any file you give there is accepted."
        )
    dtype = choose_dtype(job.precision, choose_device(job.device))
    if images is None:
        content = replace(job.content, sha256=_hashed(job.content, "content", store)) if job.content else None
        styles = tuple(replace(style, sha256=_hashed(style, "style", store)) for style in job.styles)
    else:
        content = replace(job.content, sha256=images.content.sha256) if job.content and images.content else None
        styles = tuple(replace(s, sha256=d.sha256) for s, d in zip(job.styles, images.styles, strict=True))
    return replace(
        hashed_masks(job, store),
        content=content,
        styles=styles,
        extractor=extractor.pinned() or job.extractor,
        weights_sha256=fingerprint,
        precision="bf16" if dtype == torch.bfloat16 else "tf32" if job.precision == "tf32" else "fp32",
        initializer=_with_file_hashes(job.initializer, registry, store),
    )


def _hashed(source: Source, role: str, store: ImageStore) -> str:
    if not source.path:
        raise JobError(f"the {role} image of this job is only in memory; save it to a file, which a batch needs")
    found = store.sha256(source.path, f"{role} image")
    _check_hash(source, found, role)
    return found


def _with_file_hashes(component: Component, registry: Registry, store: ImageStore) -> Component:
    """Note the hash of every file that an initializer reads beside its path."""
    cls: type[Initializer] = registry.get("initializer", component.name).cls
    params = dict(component.params)
    for name in cls.file_parameters:
        path, expected = str(params.get(name, "")), params.get(f"{name}_sha256", "")
        if not path:
            continue
        found = store.sha256(path, "initial image")
        if expected not in ("", found):
            raise JobError(
                f"initial image '{path}' is not the one the recipe was made with (SHA-256 {found}, expected "
                f"{expected}); give the right file with --init {component.name}:{name}=FILE"
            )
        params[f"{name}_sha256"] = found
    return Component(component.name, params)


def initial_files(component: Component, registry: Registry, store: ImageStore) -> dict[str, Decoded]:
    """Open the files that an initializer reads, by parameter."""
    cls: type[Initializer] = registry.get("initializer", component.name).cls
    paths = {name: str(component.params.get(name, "")) for name in cls.file_parameters}
    return {name: store.open(path, "initial image") for name, path in paths.items() if path}


def check_terms(job: Job, registry: Registry, cache: Cache, *, earlier: bool = False) -> None:
    """Check that losses and layers exist, and that there is an image for every loss that compares with one.

    Args:
        job: the job.
        registry: where names are looked up.
        cache: of the session.
        earlier: whether there are earlier frames.

    Raises:
        JobError: one is missing, or a loss on style images cannot be kept to the job's regions.
        UnknownNameError: a loss or layer does not exist.
    """
    for bound in bind_terms(job, registry, cache.extractor(registry, job.extractor)):
        if job.regions and bound.source == "style":
            bound.check_takes_regions()
    there = {"content": job.content is not None, "style": bool(job.styles), "earlier": earlier, "": True}
    for term in job.terms:
        source = ROLES[registry.get("loss", term.loss).role].source
        if not there[source] and source == "earlier":
            raise JobError(
                f"'{term.loss}' compares with earlier frames of a clip, and a single picture has none; omit it, or "
                "paint a clip with 'nst video'"
            )
        if not there[source]:
            raise JobError(f"'{term.loss}' needs a {source} image, but none is given")


def pastiche_size(job: Job, images: Images) -> tuple[int, int]:
    """Return height and width of a job's pastiche in pixels.

    Raises:
        JobError: nothing says them.
    """
    if images.content is not None:
        return images.content.size_at(job.size, enlarge=job.enlarge)
    if job.shape is not None:
        return job.shape
    if not images.styles:
        raise JobError("a job without content and style images needs a shape (height, width)")
    sample = images.styles[0]
    return sample.size_at(style_size(job, job.styles[0], max(sample.size), job.size), enlarge=True)


def schedule(
    job: Job, extractor: Extractor, images: Images, start: Sequence[Decoded] = ()
) -> tuple[tuple[Level, ...], tuple[int, int]]:
    """Return the resolution levels of a job, and height and width of its pastiche in pixels.

    Where the job does not say which levels there are, those are left out that are too small for the network, and those
    that are smaller than an image to start from, whose detail they would lose.

    Args:
        job: the job.
        extractor: its network.
        images: opened.
        start: images that the initializer reads from files.

    Raises:
        ImageError: pastiche or style image is too small for the network at the smallest level that is left.
        JobError: nothing says the size of the pastiche.
    """
    size = pastiche_size(job, images)
    longest, layers = max(size), layers_used(job, extractor)

    def check(level: int) -> None:
        at = job_at(job, Level(level, 1), longest)
        pastiche = size if level == longest else scaled_shape(size, level)
        check_minimum(layers, extractor, {"pastiche": pastiche})
        for shape in images.style_shapes(at, level):
            check_minimum(layers, extractor, {"style image": shape})

    def usable(level: int) -> bool:
        if any(max(image.size) > level for image in start):
            return False
        try:
            check(level)
        except ImageError:
            return False
        return True

    levels = levels_of(job, longest, usable)
    check(levels[0].size)
    images.masks.check(job, size, images.style_shapes(job, longest))
    check_visible(images.content, size)
    return levels, size


def remarks_on(job: Job, extractor: Extractor, images: Images, longest: int, device: torch.device) -> list[str]:
    """Return what the user should know about a job's images, network and kernels.

    Args:
        job: the job.
        extractor: its network.
        images: opened.
        longest: longest side of the pastiche in pixels.
        device: where it is computed.
    """
    found = [extractor.remark()]
    if images.content is not None and max(images.content.size) < job.size:
        height, width = images.content.size
        becomes = f"it is used at that size, not enlarged to {job.size}, which --enlarge would do"
        if job.enlarge:
            becomes = f"it is enlarged to {job.size}, and has the detail of a small one"
        found.append(f"the content image has only {width}×{height} pixels; {becomes}")
    both = zip(images.styles, images.style_shapes(job, longest), strict=True)
    found += [_about_small_style(job, decoded.size, used) for decoded, used in both]
    found += [*images.masks.found_in_maps(job), _without_effect(job), _repeated(job), _slow(device)]
    return [remark for remark in found if remark]


def _about_small_style(job: Job, own: tuple[int, int], used: tuple[int, int]) -> str:
    """Return a remark if a style image is smaller than wanted; the sizes are height and width."""
    has = f"the style image has only {own[1]}×{own[0]} pixels"
    if max(used) > max(own):
        return f"{has} and is enlarged to {used[1]}×{used[0]}; a larger file would give finer strokes"
    if job.content is None and max(used) == max(own) < job.size:
        scale = f"{job.size / max(own):.2g}"
        return f"{has}; it is used at that size, not enlarged to {job.size}, which --style-scale {scale} would do"
    return ""


def _without_effect(job: Job) -> str:
    if not job.regions and (job.outside, job.guide) != (Job.outside, Job.guide):
        return "--outside and --guide have no effect without regions; give some with --region"
    shares = len({style.weight for style in job.styles}) > 1
    if shares and job.regions and all(region.style for region in job.regions):
        return "the shares of --blend have no effect, as no region takes the blend; give one style=blend"
    return ""


def _repeated(job: Job) -> str:
    counts = Counter(term.loss for term in job.terms)
    twice = [f"'{loss}' ({count} times)" for loss, count in counts.items() if count > 1]
    return f"a loss that is named more than once counts each time: {', '.join(twice)}" if twice else ""


def _slow(device: torch.device) -> str:
    found = native()
    if device.type != "cpu" or found.module is not None or not found.missing:
        return ""
    return f"this ran on the slower Python kernels: {found.reason}; see 'nst doctor'"
