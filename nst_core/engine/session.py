"""A session: what several jobs share, and the path from a job to a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from torch import Tensor

from nst_core.components.registry import Registry
from nst_core.engine import pinning
from nst_core.engine.checkpoint import Checkpoint, Saved
from nst_core.engine.colour import check_transforms
from nst_core.engine.pinning import EarlierFrame, Inputs
from nst_core.engine.prepare import PreparedJob
from nst_core.engine.regions import without_paths
from nst_core.engine.run import Run
from nst_core.errors import JobError
from nst_core.images import ImageInput
from nst_core.images.store import ImageStore
from nst_core.job.schedule import Level, job_at
from nst_core.job.schema import Job
from nst_core.ops import native
from nst_core.planning.memory_plan import Allocation, MemoryPlan, allocate, check_possible, less_memory, make_plan
from nst_core.planning.resources import Resources
from nst_core.plugins.attribution import naming_plugins
from nst_core.plugins.discovery import default_registry
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import choose_device, choose_dtype
from nst_core.runtime.scratch import Scratch, check_scratch, smallest_for, using
from nst_core.runtime.threads import processor_threads

__all__ = ["PREVIEW_SIZE", "Session"]

PREVIEW_SIZE = 256
"""Longest side in pixels at which a preview stops, where the job has a level within it."""


class Session:
    """Components, images and networks that jobs share. Safe to share between threads.

    Attributes:
        registry: components by kind and name.
        images: reads, hashes and decodes every image file once.
        cache: extractors, networks, and the statistics of style images.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        """Open a session.

        Args:
            registry: by default, everything that is installed.
        """
        native()  # the kernels tell the allocator to give large blocks back, and the weights are some
        self.registry = registry or default_registry()
        self.images = ImageStore()
        self.cache = Cache()

    def prepare(
        self,
        job: Job,
        *,
        content: ImageInput | None = None,
        styles: Sequence[ImageInput | None] = (),
        resources: Resources | None = None,
        earlier: Sequence[EarlierFrame] = (),
    ) -> PreparedJob:
        """Fix everything that a job leaves open, and decide how it is computed. Nothing is optimized yet.

        Args:
            job: the job.
            content: the content image, if the job has no path for it.
            styles: the style images, if the job has no paths for them.
            resources: memory, tiles and threads that the run may use.
            earlier: frames before this one, see :meth:`run`.

        Raises:
            NstError: an image, component or weight set is missing or unusable, or the job does not fit into memory.
        """
        resources = resources or Resources()
        with naming_plugins(self.registry), processor_threads(resources.threads):
            _check_scratch(job, resources)
            return self._prepare(job, Inputs(content, styles, earlier), resources)[0]

    def run(
        self,
        job: Job,
        *,
        content: ImageInput | None = None,
        styles: Sequence[ImageInput | None] = (),
        resources: Resources | None = None,
        checkpoint: Checkpoint | None = None,
        allocation: Allocation | None = None,
        start: Tensor | None = None,
        earlier: Sequence[EarlierFrame] = (),
    ) -> Run:
        """Begin a run, or continue the one in a checkpoint. The run is an iterator of :class:`Step`.

        Args:
            job: the job.
            content: see :meth:`prepare`.
            styles: see :meth:`prepare`.
            resources: memory, tiles and threads that the run may use.
            checkpoint: file that the run is saved to and continued from; call its ``finished`` after saving the result.
            allocation: tiles and optimizer as :meth:`allocate` decided them, maybe elsewhere; decided now by default.
            start: picture to go on from instead of the initializer's, ``(1, 3, H, W)`` in [0, 1], of another run for
                example. Resolution levels that are smaller than it are left out. The result's job does not hold it, so
                repeating that gives a similar picture, not the same.
            earlier: frames before this one, for temporal losses; weights add up to at most one where each position is
                to count once.

        Raises:
            JobError: ``start`` has another shape, or is given beside a checkpoint.
            CheckpointError: the checkpoint belongs to another job or version, is damaged, or another run is using it.
            NstError: see :meth:`prepare`.
        """
        resources = resources or Resources()
        if start is not None:
            _check_start(start, checkpoint)
        with naming_plugins(self.registry), processor_threads(resources.threads), ExitStack() as claim:
            _check_scratch(job, resources)
            if checkpoint:
                claim.enter_context(checkpoint.claimed())
            folder = resources.scratch
            with using(Scratch(folder) if folder else None):
                saved = checkpoint.read() if checkpoint else None
            inputs = Inputs(content, styles, earlier)
            prepared, resumed = self._prepare(job, inputs, resources, checkpoint, saved, allocation)
            return Run(
                prepared if start is None else prepared.from_size(max(start.shape)),
                start=start,
                checkpoint=checkpoint,
                claim=claim.pop_all(),
                saved=saved if resumed else None,
                threads=resources.threads,
                scratch=Scratch(folder, smallest_for(prepared.size)) if folder else None,
            )

    def plan(
        self,
        job: Job,
        *,
        content: ImageInput | None = None,
        styles: Sequence[ImageInput | None] = (),
        resources: Resources | None = None,
    ) -> MemoryPlan:
        """Estimate what a run needs from a few evaluations of small images, and write nothing; see :meth:`prepare`."""
        resources = resources or Resources()
        with naming_plugins(self.registry), processor_threads(resources.threads):
            _check_scratch(job, resources, make=False)
            job = pinning.with_recorded_weights(job, self.registry, self.cache)
            images = pinning.open_images(job, Inputs(content, styles), self.images)
            levels, size = self._schedule(job, images)
            check_possible(size, resources, choose_device(job.device), images.style_shapes(job, max(size)))
            return make_plan(job, levels, size, self.registry, self.cache, resources)

    def allocate(self, job: Job, resources: Resources | None = None) -> Allocation:
        """Decide with which tiles and optimizer a job of image files is computed; see :meth:`run`.

        Raises:
            NstError: an image is missing or unusable, or the job does not fit into memory.
        """
        resources = resources or Resources()
        with naming_plugins(self.registry), processor_threads(resources.threads):
            _check_scratch(job, resources)
            images = pinning.open_images(job, Inputs(), self.images)
            levels, size = self._schedule(job, images)
            check_possible(size, resources, choose_device(job.device), images.style_shapes(job, max(size)))
            return allocate(job, levels, size, self.registry, self.cache, resources)

    def schedule(self, job: Job, inputs: Inputs | None = None) -> tuple[tuple[Level, ...], tuple[int, int]]:
        """Return the resolution levels of a job, from small to large, and height and width of its pastiche in pixels.

        Raises:
            NstError: an image is missing, unusable, or too small for the network.
        """
        return self._schedule(job, pinning.open_images(job, inputs or Inputs(), self.images))

    def preview(self, job: Job, inputs: Inputs | None = None) -> Job:
        """Return a job that ends at the largest level within :data:`PREVIEW_SIZE`, or at the smallest level there is.

        See :meth:`schedule`.
        """
        images = pinning.open_images(job, inputs or Inputs(), self.images)
        levels, size = self._schedule(job, images)
        shown = [level for level in levels if level.size <= PREVIEW_SIZE] or levels[:1]
        last = job_at(job, shown[-1], max(size))
        return replace(last, levels=tuple(level.size for level in shown[:-1]), steps=levels[0].steps)

    def _schedule(self, job: Job, images: pinning.Images) -> tuple[tuple[Level, ...], tuple[int, int]]:
        start = pinning.initial_files(job.initializer, self.registry, self.images)
        extractor = self.cache.extractor(self.registry, job.extractor)
        return pinning.schedule(job, extractor, images, list(start.values()))

    def pin(self, job: Job) -> Job:
        """Return the job with everything fixed that decides its pixels on this machine, without decoding an image.

        Raises:
            NstError: an image file or the weights are missing or unusable, or an image is only in memory.
        """
        with naming_plugins(self.registry):
            job = pinning.with_recorded_weights(job, self.registry, self.cache)
            found = pinning.pinned(job, self.registry, self.cache, self.images)
        return replace(found, device=str(choose_device(job.device)))

    def key(self, job: Job) -> str:
        """Return the hash of what decides a pinned job's pixels: images and weights count by content, not by path."""
        cls = self.registry.get("initializer", job.initializer.name).cls
        params = {k: v for k, v in job.initializer.params.items() if k not in cls.file_parameters}
        return replace(
            pinning.weights_by_content(job),
            content=replace(job.content, path="") if job.content else None,
            styles=tuple(replace(style, path="") for style in job.styles),
            regions=tuple(map(without_paths, job.regions)),
            keep=replace(job.keep, path="") if job.keep else None,
            initializer=replace(job.initializer, params=params),
            device=choose_device(job.device).type,  # one GPU is as good as another
        ).digest()

    def _prepare(
        self,
        job: Job,
        inputs: Inputs,
        resources: Resources,
        checkpoint: Checkpoint | None = None,
        saved: Saved | None = None,
        allocation: Allocation | None = None,
    ) -> tuple[PreparedJob, bool]:
        """Prepare a job; return also whether it goes on from what was saved."""
        registry, cache = self.registry, self.cache
        device = choose_device(job.device)
        dtype = choose_dtype(job.precision, device)
        # Everything cheap comes first, so that a slip costs no waiting.
        for kind in ("optimizer", "initializer", "parametrization"):
            registry.create(kind, getattr(job, kind))
        check_transforms(job, registry)
        job = pinning.with_recorded_weights(job, registry, cache)
        pinning.check_terms(job, registry, cache, earlier=bool(inputs.earlier))
        images = pinning.open_images(job, inputs, self.images)
        levels, size = self._schedule(job, images)
        found = pinning.pinned(job, registry, cache, self.images, images)
        found = replace(found, levels=tuple(level.size for level in levels[:-1]))
        # The same pixels need the same tiles, and an optimizer that remembers as much.
        begun = saved and next((c for c in less_memory(found, registry) if c == saved.job.optimizer), None)
        resumed = (
            checkpoint is not None
            and saved is not None
            and checkpoint.belongs_to(replace(found, optimizer=begun or found.optimizer), saved)
        )
        if resumed and saved is not None:
            allocation = Allocation(saved.job.optimizer, saved.state["max_pixels"])
        elif allocation is None:  # what was begun had room
            check_possible(size, resources, device, images.style_shapes(job, max(size)))
            allocation = allocate(found, levels, size, registry, cache, resources)
        remarks = pinning.remarks_on(job, cache.extractor(registry, job.extractor), images, max(size), device)
        remarks += [remark for remark in (_check_scratch(job, resources), allocation.remark) if remark]
        prepared = PreparedJob(
            job=replace(found, optimizer=allocation.optimizer),
            levels=levels,
            size=size,
            max_pixels=allocation.max_pixels,
            device=device,
            dtype=dtype,
            remarks=tuple(remarks),
            registry=registry,
            cache=cache,
            images=images,
            files=pinning.initial_files(job.initializer, registry, self.images),
        )
        return prepared, resumed


def _check_scratch(job: Job, resources: Resources, *, make: bool = True) -> str:
    """Refuse a scratch folder that cannot be used; return what the user should know of it, or ""."""
    if resources.scratch is None:
        return ""
    return check_scratch(resources.scratch, choose_device(job.device), make=make)


def _check_start(start: Tensor, checkpoint: Checkpoint | None) -> None:
    """Refuse what no run can begin with."""
    if checkpoint is not None:
        raise JobError("a run with a checkpoint begins with the job's own initial image; omit the start, or the file")
    if start.dim() != 4 or start.shape[:2] != (1, 3) or not start.is_floating_point():
        raise JobError(f"the start must be a picture of the shape (1, 3, H, W) in [0, 1], not {tuple(start.shape)}")
