"""From a job to things that can run: names to components, files to tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nst_core.components import PIXEL_TAP, PIXELS, Extractor, Initializer, Optimizer, Tap, check_layers
from nst_core.components.registry import Registry
from nst_core.errors import BrokenContractError, ImageError, JobError, WeightsError
from nst_core.images import ImageInput, Picture, load
from nst_core.images.resize import enlarged
from nst_core.job.schema import Component, ImageRef, Job, Term
from nst_core.objective.objective import Objective, Recall
from nst_core.objective.terms import BoundTerm, bind
from nst_core.ops import Head, Headed, accelerated, native
from nst_core.runtime.cache import Shared, spelled
from nst_core.runtime.device import choose_device, choose_dtype, memory_format

__all__ = ["Network", "Ready", "check_minimum", "layers_used", "network_for", "network_on", "pastiche_size", "resolve"]


@dataclass(frozen=True)
class Ready:
    """A job made ready to run.

    Attributes:
        job: the job with everything filled in that was left open: hashes, weights, precision.
        objective: on the device.
        optimizer: not yet started.
        initial: the first image, ``(1, 3, H, W)`` float32 on the device.
        dtype: of the network.
        remarks: what the user should know, for example that an image is smaller than the size asked for.
    """

    job: Job
    objective: Objective
    optimizer: Optimizer
    initial: Tensor
    dtype: torch.dtype
    remarks: tuple[str, ...]


def resolve(
    job: Job,
    registry: Registry,
    *,
    content: ImageInput | None = None,
    style: ImageInput | None = None,
    shared: Shared | None = None,
    most_pixels: int | None = None,
    start: Tensor | None = None,
) -> Ready:
    """Make a job ready.

    Args:
        job: what to do.
        registry: where names are looked up.
        content: the content image, where the job's reference has no path.
        style: likewise the style image.
        shared: what earlier jobs of the same run computed; this job adds to it.
        most_pixels: of a tile, its margin included; ``None`` computes images as a whole.
        start: an image in [0, 1] to begin with in place of the initializer's, brought to the size of the pastiche.

    Raises:
        NstError: anything that cannot be had, in the words of the part that noticed.
    """
    native()  # the kernels tell the allocator to give large blocks back, and the weights are some
    shared = shared or Shared()
    device = choose_device(job.device)
    dtype = choose_dtype(job.precision, device)
    # Everything cheap comes first, so that a slip costs no waiting.
    optimizer: Optimizer = registry.create("optimizer", job.optimizer)
    initializer: Initializer = registry.create("initializer", job.initializer)
    extractor = shared.extractor(registry, job.extractor)
    terms = bind_terms(job, registry, extractor)
    _check_images(job, terms)

    content_picture = _picture(job.content, content, job.size, "content")
    style_picture = _picture(job.style, style, _style_size(job), "style")
    height, width = _pastiche_size(job, content_picture, style_picture)
    layers = layers_used(job, extractor)
    check_minimum(layers, extractor, {"pastiche": (height, width)} | _sizes(style_picture, "style image"))

    initial = (
        _initial(job, initializer, (height, width), content_picture, style_picture)
        if start is None
        else enlarged(start, (height, width))
    )

    made = network_for(job, registry, shared, device, dtype)
    _check_weights(job, extractor)
    objective = Objective(
        made.network,
        layers,
        terms,
        taps=extractor.taps(),
        heads=made.heads,
        most_pixels=most_pixels,
        content=_on(device, content_picture),
        style=_on(device, style_picture),
        recall=_recall(shared, (spelled(job.extractor), device, dtype), style_picture),
    )
    if job.normalize_gradients:
        objective.normalize(_reference_noise(height, width).to(device))
    resolved = replace(
        job,
        content=_reference(job.content, content_picture),
        style=_reference(job.style, style_picture),
        extractor=extractor.pinned() or job.extractor,
        weights_sha256=extractor.fingerprint(),
        precision="bf16" if dtype == torch.bfloat16 else "fp32",
        initializer=Component(job.initializer.name, {**job.initializer.params, **initializer.pinned()}),
    )
    remarks = [
        remark
        for remark in (
            extractor.remark(),
            _smaller(content_picture, job.size, "content"),
            _smaller(style_picture, _style_size(job), "style"),
            _slow(device),
        )
        if remark
    ]
    return Ready(resolved, objective, optimizer, initial.float().to(device), dtype, tuple(remarks))


def _reference_noise(height: int, width: int) -> Tensor:
    """Return the image at which gradients are measured; the same for every seed."""
    noise = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return (0.5 + 0.05 * noise).clamp(0.0, 1.0)


@dataclass(frozen=True)
class Network:
    """The network of a job, its layers and the extractor that it is of.

    Attributes:
        extractor: whose network it is.
        layers: whose maps it returns, from shallow to deep.
        network: on its device.
        heads: those that were taken from it, by layer.
    """

    extractor: Extractor
    layers: list[str]
    network: nn.Module
    heads: Mapping[str, Head]


def network_for(job: Job, registry: Registry, shared: Shared, device: torch.device, dtype: torch.dtype) -> Network:
    """Return the network that a job needs, from what is shared if it is there."""
    extractor = shared.extractor(registry, job.extractor)
    layers = layers_used(job, extractor)
    terms = bind_terms(job, registry, extractor)
    whole = {layer for term in terms if not term.sees_through_heads for layer in term.term.layers}
    bare = tuple(layer for layer in layers if layer not in whole)
    key = (spelled(job.extractor), tuple(layers), bare, device, dtype)
    network, heads = shared.network(key, lambda: network_on(extractor, layers, device, dtype, bare))
    return Network(extractor, layers, network, heads)


def network_on(
    extractor: Extractor, layers: Sequence[str], device: torch.device, dtype: torch.dtype, bare: Collection[str] = ()
) -> tuple[nn.Module, Mapping[str, Head]]:
    """Build the network of ``layers`` on a device, on the native kernels where there are some.

    Returns:
        The network, and the heads of the ``bare`` layers, whose maps it returns as they are before these.
    """
    network = extractor.build(layers) if layers else nn.Identity()
    network = network.to(device=device, dtype=dtype).to(memory_format=memory_format(device))
    heads = network.take_heads(bare) if isinstance(network, Headed) else {}
    return accelerated(network), heads  # and let go of the original's weights


def _initial(
    job: Job, initializer: Initializer, size: tuple[int, int], content: Picture | None, style: Picture | None
) -> Tensor:
    height, width = size
    initial = initializer.initial(
        size,
        content=content.pixels if content else None,
        style=style.pixels if style else None,
        generator=torch.Generator().manual_seed(job.seed),
    )
    if initial.shape != (1, 3, height, width) or not torch.isfinite(initial).all():
        finite = "" if torch.isfinite(initial).all() else ", not all finite"
        raise BrokenContractError(
            "initializer",
            job.initializer.name,
            f"must give finite pixels of shape (1, 3, {height}, {width}), but gave {tuple(initial.shape)}{finite}",
        )
    return initial


def _recall(shared: Shared, network: Hashable, style: Picture | None) -> Recall | None:
    """Look up targets of style terms by what decides them; those of content terms change from job to job."""
    if style is None:
        return None

    def recall(term: BoundTerm, make: Callable[[], Any]) -> Any:
        if term.loss.role != "style":
            return make()
        loss = spelled(Component(term.term.loss, term.term.params))
        return shared.targets((network, loss, term.term.layers, style.sha256, tuple(style.pixels.shape)), make)

    return recall


def bind_terms(job: Job, registry: Registry, extractor: Extractor) -> list[BoundTerm]:
    """Make the losses of a job and bind them to the extractor's layers; equal names get a number."""
    taps = {PIXELS: PIXEL_TAP, **extractor.taps()}
    bound: list[BoundTerm] = []
    for term in job.terms:
        loss = registry.create("loss", Component(term.loss, term.params))
        _check_layers(term, loss.role, taps)
        same = sum(other.term.loss == term.loss for other in bound)
        bound.append(bind(f"{term.loss}#{same + 1}" if same else term.loss, loss, term, taps))
    return bound


def _check_layers(term: Term, role: str, taps: Mapping[str, Tap]) -> None:
    check_layers(term.layers, taps)
    if not term.layers and role != "regularizer":
        raise JobError(f"'{term.loss}' has no layers; name some with --{role}-layers")


def _check_images(job: Job, terms: list[BoundTerm]) -> None:
    for role, reference in (("content", job.content), ("style", job.style)):
        needy = [term.label for term in terms if term.loss.role == role]
        if needy and reference is None:
            raise JobError(f"'{needy[0]}' compares with a {role} image, but none is given")


def _picture(reference: ImageRef | None, given: ImageInput | None, size: int, role: str) -> Picture | None:
    if reference is None:
        return None
    source = reference.path or given
    if source is None:
        raise JobError(
            f"the {role} image of this recipe was only in memory when it was made; give the {role} image again"
        )
    picture = load(source, size=size, role=f"{role} image")
    if reference.sha256 not in ("", picture.sha256):
        raise ImageError(
            f"{role} image '{reference.path}' is not the one the recipe was made with (its SHA-256 is "
            f"{picture.sha256[:12]}…, the recipe says {reference.sha256[:12]}…). Put the right file there, or name "
            "both images on the command line to use the recipe with other images."
        )
    return picture


def pastiche_size(job: Job, *, content: ImageInput | None = None, style: ImageInput | None = None) -> tuple[int, int]:
    """Return height and width of the pastiche of a job; see :func:`resolve`."""
    return _pastiche_size(
        job,
        _picture(job.content, content, job.size, "content"),
        None if job.content or job.shape else _picture(job.style, style, _style_size(job), "style"),
    )


def _style_size(job: Job) -> int:
    return max(1, round(job.size * job.style_scale))


def _pastiche_size(job: Job, content: Picture | None, style: Picture | None) -> tuple[int, int]:
    if content is not None:
        height, width = content.pixels.shape[-2:]
        return height, width
    if job.shape is not None:
        return job.shape
    if style is None:
        raise JobError("without content and style image a job needs a shape (height, width)")
    height, width = style.pixels.shape[-2:]
    return height, width


def layers_used(job: Job, extractor: Extractor) -> list[str]:
    """Return the layers that the terms of a job need the network for, from shallow to deep."""
    used = {layer for term in job.terms for layer in term.layers}
    return [layer for layer in extractor.taps() if layer in used]


def _sizes(picture: Picture | None, name: str) -> dict[str, tuple[int, int]]:
    return {name: (picture.pixels.shape[-2], picture.pixels.shape[-1])} if picture else {}


def check_minimum(layers: Sequence[str], extractor: Extractor, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Check that images have at least one position at every layer.

    Args:
        layers: of the extractor.
        extractor: whose layers they are.
        sizes: height and width by what the image is called.

    Raises:
        ImageError: one is too small.
    """
    if not layers:
        return
    deepest = max(layers, key=lambda layer: extractor.taps()[layer].stride)
    least = extractor.taps()[deepest].stride
    for name, (height, width) in sizes.items():
        if min(height, width) < least:
            raise ImageError(
                f"the {name} has {width}×{height} pixels, but layer {deepest} needs at least {least}×{least}; "
                "use a larger image or size, or shallower layers"
            )


def _check_weights(job: Job, extractor: Extractor) -> None:
    found = extractor.fingerprint()
    if job.weights_sha256 not in ("", found):
        raise WeightsError(
            f"the recipe was made with other weights (SHA-256 {job.weights_sha256[:12]}…) than those found here "
            f"({found[:12]}…). Name the right file with --weights PATH; naming any file accepts its weights."
        )


def _on(device: torch.device, picture: Picture | None) -> Tensor | None:
    return picture.pixels.to(device) if picture else None


def _reference(reference: ImageRef | None, picture: Picture | None) -> ImageRef | None:
    return ImageRef(reference.path, picture.sha256) if reference and picture else None


def _slow(device: torch.device) -> str:
    found = native()
    if device.type != "cpu" or found.module is not None or not found.missing:
        return ""
    return f"this ran on the slower Python kernels: {found.reason}; see 'nst doctor'"


def _smaller(picture: Picture | None, size: int, role: str) -> str:
    if picture is None or max(picture.original_size) >= size:
        return ""
    height, width = picture.original_size
    return f"the {role} image has only {width}×{height} pixels; it is used at that size, not enlarged to {size}"
