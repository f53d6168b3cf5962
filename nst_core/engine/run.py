"""From a job to a result: its scales one after the other, kept in a checkpoint on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial

from nst_core.components.registry import Registry
from nst_core.engine.checkpoint import Checkpoint, Kept
from nst_core.engine.loop import Descent, Observer, by_term, evaluate
from nst_core.engine.prepare import Ready, pastiche_size, resolve
from nst_core.engine.result import Result, Stage, Stopped
from nst_core.errors import CheckpointError
from nst_core.images import ImageInput
from nst_core.job.schedule import Scale, job_at, scales_of
from nst_core.job.schema import Job
from nst_core.ops import native
from nst_core.planning.memory_plan import Plan, fit, fit_again, make_plan
from nst_core.plugins.attribution import naming_plugins
from nst_core.plugins.discovery import default_registry
from nst_core.runtime.cache import Shared

__all__ = ["Observer", "evaluate", "optimize", "plan", "run"]


def run(
    job: Job,
    *,
    content: ImageInput | None = None,
    style: ImageInput | None = None,
    observers: Iterable[Observer] = (),
    registry: Registry | None = None,
    shared: Shared | None = None,
    tile: str | int = "auto",
    memory_limit: int | None = None,
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Carry out a job.

    Args:
        job: what to do.
        content: the content image, where the job's reference has no path.
        style: likewise the style image.
        observers: each is called with every :class:`Step`, in order.
        registry: where names are looked up; everything installed by default.
        shared: what earlier jobs of the same run computed.
        tile: "auto" cuts images into tiles where they do not fit into memory, "off" never does; a number is the
            side of a square tile in pixels, its margin included.
        memory_limit: bytes of memory that may be used; most of what is available by default.
        checkpoint: where the run is kept and continued from; once the result is saved, call its ``finished``.

    Returns:
        The best image found. Ctrl-C ends a run early with the best so far, of the last scale that has one.

    Raises:
        NonFiniteError: the objective is NaN or infinite, whatever the engine tries.
        CheckpointError: the checkpoint is of another job or version, or cannot be written.
        NstError: something that the job names cannot be had.
        KeyboardInterrupt: Ctrl-C before the first evaluation was done.
    """
    registry = registry or default_registry()
    with naming_plugins(registry):
        whole = _Run(job, content, style, registry, shared or Shared(), tile, memory_limit, checkpoint)
        return whole.go(tuple(observers))


def plan(
    job: Job,
    *,
    content: ImageInput | None = None,
    style: ImageInput | None = None,
    registry: Registry | None = None,
    tile: str | int = "auto",
    memory_limit: int | None = None,
) -> Plan:
    """Say what :func:`run` would do, from a few evaluations of small images; arguments as there."""
    registry = registry or default_registry()
    with naming_plugins(registry):
        size = pastiche_size(job, content=content, style=style)
        scales = scales_of(job, max(size))
        native()
        return make_plan(job, scales, size, registry, Shared(), tile=tile, limit=memory_limit)


def optimize(ready: Ready, observers: Iterable[Observer] = ()) -> Result:
    """Improve the initial image of a job that was made ready, at its own size only; see :func:`run`."""
    descent = Descent(ready)
    stopped = descent.go(tuple(observers))
    stage = descent.stage(max(ready.initial.shape[-2:]))
    return _result(ready, descent, ready.job, stopped, (stage,), descent.history)


class _Run:
    """A job with all its scales."""

    def __init__(
        self,
        job: Job,
        content: ImageInput | None,
        style: ImageInput | None,
        registry: Registry,
        shared: Shared,
        tile: str | int,
        memory_limit: int | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        native()  # the kernels tell the allocator to give large blocks back, and the weights are some
        self._images = {"content": content, "style": style}
        self._registry = registry
        self._shared = shared
        self._checkpoint = checkpoint
        self._kept = checkpoint.read() if checkpoint else None
        size = pastiche_size(job, **self._images)
        self._longest = max(size)
        self._scales = scales_of(job, self._longest)
        job = replace(job, scales=tuple(scale.size for scale in self._scales[:-1]))
        if checkpoint and self._kept:
            self._kept = self._with_these_scales(checkpoint, self._kept, job)
        if self._kept:  # the same pixels need the same tiles
            found = fit_again(job, self._kept.job, self._kept.state["most_pixels"])
        else:
            found = fit(job, self._scales, size, registry, shared, tile=tile, limit=memory_limit)
        self._job, self._fit = found.job, found
        self._initializer = job.initializer
        self._stages: list[Stage] = []
        self._history: list[float] = []

    def go(self, observers: tuple[Observer, ...]) -> Result:
        """Make the scales that are left."""
        kept, self._kept = self._kept, None  # not to be held any longer than it takes to load it
        if kept is not None:
            self._stages = [Stage(**stage) for stage in kept.stages]
            self._history = list(kept.history)
        descent: Descent | None = None
        result: Result | None = None
        for scale in self._scales[len(self._stages) :]:
            try:
                ready, following = self._begin(scale, descent)
                if kept is not None:
                    if not self._same(kept, ready):  # and is of no use: begin anew
                        self._stages, self._history = [], []
                        return self.go(observers)
                    following.load_state_dict(kept.state)
                descent, kept = following, None  # the scale before is let go of
                stopped = descent.go(observers, partial(self._keep, descent, ready, when_due=True))
            except KeyboardInterrupt:
                if result is None:
                    raise
                trouble = self._keep_between(descent, ready)
                return replace(result, stopped="interrupted", remarks=(*result.remarks, *trouble))
            trouble = self._keep_at_last(descent, ready) if stopped == "interrupted" else ()
            self._stages.append(descent.stage(scale.size))
            self._history += descent.history
            result = self._result(ready, descent, stopped)
            if stopped == "interrupted":
                return replace(result, remarks=(*result.remarks, *trouble))
        assert result is not None  # noqa: S101 - for the type checker: there is a last scale
        return result

    def _begin(self, scale: Scale, before: Descent | None) -> tuple[Ready, Descent]:
        ready = self._ready(scale, before)
        descent = Descent(
            ready,
            done=len(self._history),
            planned=sum(scale.steps for scale in self._scales),
            seconds_before=sum(stage.seconds for stage in self._stages),
        )
        if before is not None:
            descent.take_over(before)
        return ready, descent

    def _ready(self, scale: Scale, before: Descent | None) -> Ready:
        ready = resolve(
            job_at(self._job, scale, self._longest),
            self._registry,
            **self._images,
            shared=self._shared,
            most_pixels=self._fit.most_pixels,
            start=before.image() if before else None,
        )
        if before is None:
            self._initializer = ready.job.initializer
        return ready

    @staticmethod
    def _with_these_scales(checkpoint: Checkpoint, kept: Kept, job: Job) -> Kept | None:
        """Return what was kept if it went through the same scales; anything else is found out once images are read."""
        as_here = replace(kept.job, size=job.size, scales=job.scales, steps=job.steps)
        return kept if checkpoint.same_job(kept, as_here) else None

    def _same(self, kept: Kept, ready: Ready) -> bool:
        assert self._checkpoint is not None  # noqa: S101 - for the type checker: something was kept in it
        if kept.stages:
            self._initializer = kept.job.initializer
        return self._checkpoint.same_job(kept, self._pinned(ready))

    def _pinned(self, ready: Ready) -> Job:
        """Return the whole job with everything that was found out about it."""
        job = self._job
        return replace(
            ready.job,
            size=job.size,
            shape=job.shape,
            style_scale=job.style_scale,
            steps=job.steps,
            scales=job.scales,
            initializer=self._initializer,
        )

    def _result(self, ready: Ready, descent: Descent, stopped: Stopped) -> Result:
        result = _result(ready, descent, self._pinned(ready), stopped, self._stages, self._history)
        return replace(result, remarks=(*result.remarks, self._fit.remark)) if self._fit.remark else result

    def _keep_between(self, descent: Descent | None, ready: Ready) -> tuple[str, ...]:
        """Keep a run that ends between two scales: before the larger one's first evaluation or at the smaller's end."""
        assert descent is not None  # noqa: S101 - for the type checker: a scale is done
        if descent.best is not None:
            self._stages.pop()
            del self._history[-len(descent.history) :]
        return self._keep_at_last(descent, ready)

    def _keep_at_last(self, descent: Descent, ready: Ready) -> tuple[str, ...]:
        """Keep a run that is interrupted; return what went wrong, as its result is not to be lost for that."""
        try:
            self._keep(descent, ready)
        except CheckpointError as error:
            return (str(error),)
        return ()

    def _keep(self, descent: Descent, ready: Ready, when_due: bool = False) -> None:
        checkpoint = self._checkpoint
        if checkpoint is None or not descent.consistent or (when_due and not checkpoint.due):
            return
        stages = [asdict(stage) for stage in self._stages]
        checkpoint.write(self._pinned(ready), stages, self._history, descent.state_dict())


def _result(
    ready: Ready, descent: Descent, job: Job, stopped: Stopped, stages: Iterable[Stage], history: Iterable[float]
) -> Result:
    assert descent.best is not None  # noqa: S101 - for the type checker: the first evaluation gave one, or raised
    done = tuple(stages)
    return Result(
        image=descent.image().cpu(),
        total=descent.best.total,
        losses=by_term(ready.objective, descent.best.losses),
        history=tuple(history),
        seconds=sum(stage.seconds for stage in done),
        stopped=stopped,
        stages=done,
        job=job,
        device=str(ready.initial.device),
        remarks=ready.remarks,
    )
