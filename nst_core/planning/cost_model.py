"""What an evaluation costs on this machine: counted where that can be done, else measured on two small images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from nst_core.components import Optimizer
from nst_core.components.registry import Registry
from nst_core.job.schema import Component, Job, Region, Source
from nst_core.objective.binding import bind_terms
from nst_core.objective.guides import Guides
from nst_core.objective.networks import network_for
from nst_core.objective.objective import Objective
from nst_core.objective.targets import TargetImage, Targets
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import choose_dtype, convolution_precision
from nst_core.runtime.memory import PeakMemory, memory_in_use, tensor_bytes
from nst_core.runtime.scratch import RESIDENT

__all__ = ["DECODED_BYTES", "IMAGES", "IMAGE_BYTES", "CostModel", "measured_costs", "optimizer_bytes"]

# Images that are held at once besides the optimizer's: content, initial and best one, point, picture, gradient, and
# what a step of the optimizer makes on the way.
IMAGES = 11
IMAGE_BYTES = 12  # of a pixel: three float32
KEPT_BYTES = 16  # of a pixel where something is kept: a mask, and the image with the content laid over it
DECODED_BYTES = 12  # of a pixel of images as they are decoded and saved, which are not tensors
MASK_BYTES = 7  # of a pixel of a decoded mask, which is drawn at the picture's size more often than not
SAMPLE_SIZES = ((192, 256), (384, 512))
LOOKS_AHEAD = 64  # steps after which an optimizer is believed to hold as much between two as it ever does
SAMPLE_IMAGES = 6  # content, style, picture, leaf, gradient, and the gradient's sum


class CostModel:
    """What an evaluation of a job costs on this machine, measured with its very network, losses and precision.

    Attributes:
        base: bytes in use before it.
        tile_bytes: for every pixel of a tile.
        seconds: of an evaluation, for every pixel.
        forward_seconds: of the part without gradients, which most tiles do twice.
        tiling: stride and halo of the job's objective; leaves images whole.
        untileable: losses that cannot be computed in tiles.
    """

    def __init__(self, job: Job, registry: Registry, cache: Cache, device: torch.device) -> None:
        self._job, self._registry, self._device = job, registry, device
        self._optimizers: dict[Component, float] = {}
        self._generator = torch.Generator().manual_seed(0)
        self._network = network = network_for(job, registry, cache, device, choose_dtype(job.precision, device))
        deepest = max((network.extractor.taps()[layer].stride for layer in network.layers), default=1)
        self._peak(64 + deepest, 64 + deepest, device)  # threads start, libraries make their plans
        self.base = memory_in_use(device)
        peaks = [self._peak(height, width, device) for height, width in SAMPLE_SIZES]
        (small, large), objective, targets = (h * w for h, w in SAMPLE_SIZES), self._objective, self._targets
        # The guides of regions are those of the whole image, too.
        self._target_bytes = (sum(map(tensor_bytes, targets.by_term)) + tensor_bytes(self._guides)) / large
        growth = (peaks[1] - peaks[0]) / (large - small)
        self.tile_bytes = max(float(IMAGE_BYTES), growth - self._target_bytes - SAMPLE_IMAGES * IMAGE_BYTES)
        self._fixed = max(0.0, peaks[0] - self.base - growth * small)
        image = self._image(*SAMPLE_SIZES[1], device)
        self.seconds = _time(lambda: objective.evaluate(image, targets), device) / large
        with torch.no_grad():
            self.forward_seconds = _time(lambda: objective(image, targets), device) / large
        self.tiling = objective.geometry
        self.untileable = objective.untileable

    def _image(self, height: int, width: int, device: torch.device) -> Tensor:
        return torch.rand(1, 3, height, width, generator=self._generator).to(device)

    def _peak(self, height: int, width: int, device: torch.device) -> int:
        with PeakMemory(device) as peak:
            self._objective, self._targets = self._problem(height, width, device)
            self._objective.evaluate(self._image(height, width, device), self._targets)
        return peak.bytes

    def _problem(self, height: int, width: int, device: torch.device) -> tuple[Objective, Targets]:
        network = self._network
        regions = _regions(self._job, height, width, device)
        self._guides = [guides for guides, _ in regions]
        terms = bind_terms(self._job, self._registry, network.extractor)
        objective = network.objective(terms, {"style": self._guides} if regions else {})
        content = [TargetImage(self._image(height, width, device))]
        styles = [TargetImage(self._image(height, width, device), share) for share in self._job.blend or (1.0,)]
        start = self._image(height, width, device)
        parts = [replace(styles[0], share=1.0, region=n, guides=guides) for n, (_, guides) in enumerate(regions)]
        images = {"content": content, "style": parts or styles, "earlier": content}
        return objective, objective.targets(images, start=start)

    def pixel_bytes(self, optimizer: Component) -> float:
        """Return what a pixel of the pastiche needs whatever the tiles."""
        if optimizer not in self._optimizers:
            self._optimizers[optimizer] = optimizer_bytes(optimizer, self._registry, self._device)
        kept = self._job.keep is not None or (self._job.regions and self._job.outside == "keep")
        masks = [mask for region in self._job.regions for mask in (region.mask, region.style_mask)] + [self._job.keep]
        decoded = MASK_BYTES * len({mask.path for mask in masks if mask})
        images = IMAGES * IMAGE_BYTES + (KEPT_BYTES if kept else 0) + decoded
        return images + self._target_bytes + self._optimizers[optimizer]

    def floor(self, pixels: int, optimizer: Component) -> float:
        """Return what a pastiche needs whatever the tiles, the process included."""
        return self.base + self._fixed + pixels * self.pixel_bytes(optimizer)

    def scratch_floor(self, pixels: int) -> float:
        """Return what a pastiche needs of memory whatever the tiles, if its large tensors are in files."""
        return self.base + self._fixed + RESIDENT + pixels * DECODED_BYTES


def measured_costs(job: Job, registry: Registry, cache: Cache, device: torch.device) -> CostModel:
    """Return what was measured before of a job that differs in images, sizes, steps and seed alone, or measure it."""

    def unnamed(source: Source) -> Source:
        return replace(source, path="", sha256="")

    def without_masks(region: Region) -> Region:
        style_mask = unnamed(region.style_mask) if region.style_mask else None
        return replace(region, mask=unnamed(region.mask), style_mask=style_mask)

    method = replace(
        job,
        content=unnamed(job.content) if job.content else None,
        styles=tuple(map(unnamed, job.styles)),
        regions=tuple(map(without_masks, job.regions)),
        keep=unnamed(job.keep) if job.keep else None,
        initializer=Component("none"),
        size=1,
        shape=None,
        levels=None,
        steps=1,
        seed=0,
    )
    key = (method, str(device), torch.get_num_threads())
    with convolution_precision(job.precision, device):
        return cache.costs(key, lambda: CostModel(job, registry, cache, device))


def optimizer_bytes(component: Component, registry: Registry, device: torch.device) -> float:
    """Return what an optimizer holds of every pixel, once its memory is full.

    Args:
        component: the optimizer.
        registry: where it is looked up.
        device: where the variable is. Where that is not the CPU, the optimizer looks ahead, and what it holds from then
            until the step counts.
    """
    optimizer: Optimizer = registry.create("optimizer", component)
    point = torch.zeros(1, 3, 128, 128)
    optimizer.start(point)
    optimizer.step(1.0, torch.ones_like(point))
    found = tensor_bytes(optimizer.state_dict()) / (128 * 128)
    if device.type != "cpu" and type(optimizer).look_ahead is not Optimizer.look_ahead:
        found += _ahead_bytes(registry.create("optimizer", component))
    return found


def _ahead_bytes(optimizer: Optimizer) -> float:
    """Return what an optimizer holds of every pixel between looking ahead and the step, beyond its memory."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, 64, 64)
    curvature = 1 + 99 * torch.rand(shape, generator=generator)  # a bowl whose bottom no optimizer finds so soon
    point = torch.rand(shape, generator=generator)
    optimizer.start(point)
    most = 0
    for _ in range(LOOKS_AHEAD):
        gradient = curvature * point
        loss = float(0.5 * (gradient * point).sum())
        before = tensor_bytes(vars(optimizer))
        ahead = optimizer.look_ahead(gradient)
        most = max(most, tensor_bytes(vars(optimizer)) - before)
        following = optimizer.step(loss, gradient) if ahead is None else optimizer.step_ahead(loss, gradient, ahead)
        if following is None:
            break
        point = following
    return most / (shape[2] * shape[3])


def _regions(job: Job, height: int, width: int, device: torch.device) -> list[tuple[Guides, Guides]]:
    """Return guides of as many regions as a job may have, in stripes, and those of their style images."""
    style_masks = [region.style_mask is not None for region in job.regions]
    if job.regions and job.outside == "style" and not all(region.color for region in job.regions):
        style_masks.append(False)  # what no region covers
    stripes = torch.arange(width, device=device).mul(len(style_masks)).div(width, rounding_mode="floor")
    found = []
    for number, masked in enumerate(style_masks):
        mask = (stripes == number).float().expand(1, 1, height, width).contiguous()
        share = 1.0 / len(style_masks)
        found.append((Guides(mask, share, job.guide), Guides(mask, 1.0, job.guide) if masked else Guides()))
    return found


def _time(run: Callable[[], object], device: torch.device) -> float:
    run()
    _wait_for(device)
    began = time.perf_counter()
    run()
    _wait_for(device)
    return time.perf_counter() - began


def _wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
