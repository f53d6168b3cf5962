"""A run: the resolution levels of a prepared job, one after the other, as an iterator of steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from torch import Tensor

from nst_core.components import Optimizer
from nst_core.engine.changes import changed_job
from nst_core.engine.checkpoint import Checkpoint, Saved
from nst_core.engine.colour import parametrization_of
from nst_core.engine.loop import Loop, Measured, losses_by_term
from nst_core.engine.prepare import PreparedJob
from nst_core.engine.result import LevelResult, Result, Step, StopReason
from nst_core.errors import CancelledError, CheckpointError, JobError, unknown_name
from nst_core.job.schema import Component, Job, Term
from nst_core.plugins.attribution import naming_plugins
from nst_core.runtime.scratch import Scratch, using
from nst_core.runtime.threads import processor_threads, threads_to_use

__all__ = ["Observer", "Run"]

CHANGED = "the job was changed during the run; the recipe has only the last options"
STARTED = "the run began with another picture; repeating the recipe gives a similar one, not the same"

Observer = Callable[[Step], object]
"""Called with every step; returning ``False`` cancels the run."""


class Run(Iterator[Step]):
    """A run in progress. Iterate over it for its steps; take the result at any time.

    Ctrl-C, :meth:`cancel` and an observer that returns ``False`` have the same effect: the iteration ends, ``stopped``
    is "cancelled", and the result is the best image so far, of the last level that has one.

    Attributes:
        prepared: the prepared job.
        stopped: why the run ended; ``None`` while it continues.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        *,
        checkpoint: Checkpoint | None = None,
        claim: ExitStack | None = None,
        saved: Saved | None = None,
        start: Tensor | None = None,
        threads: int | None = None,
        scratch: Scratch | None = None,
    ) -> None:
        """Make a run; see :meth:`Session.run`."""
        self.prepared = prepared
        self.stopped: StopReason | None = None
        self._checkpoint = checkpoint
        self._claim = claim or ExitStack()  # of the checkpoint's file, until the run has ended
        self._threads = threads
        self._scratch = scratch
        self._levels: list[LevelResult] = list(saved.levels) if saved else []
        self._history: list[float] = list(saved.history) if saved else []
        self._saved = saved
        self._loop: Loop | None = None  # of the current level
        self._previous: Loop | None = None  # of the level before, until the current one has an image
        self._start = start  # of the first level
        self._remarks: list[str] = [] if start is None else [STARTED]
        self._unsaved = False  # whether the last checkpoint could not be written
        self._note = ""  # for the next step
        self._terms: dict[str, Term] = dict(zip(prepared.job.labels, prepared.job.terms, strict=True))
        if saved:
            self._set_weights(saved.state["term_weights"])
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._reweighted: dict[str, float] = {}
        self._changed: Job | None = None
        self._steps = self._iterate()

    def __iter__(self) -> Run:
        return self

    def __next__(self) -> Step:
        # For this step alone: whoever looks at it has threads and memory of its own.
        with processor_threads(self._threads), using(self._scratch):
            return next(self._steps)

    def cancel(self) -> None:
        """End the run before its next evaluation. May be called from any thread, and more than once."""
        self._cancelled.set()

    def reweight(self, term: str, weight: float) -> None:
        """Change the weight of a term from the next evaluation on. May be called from any thread.

        The optimizer is told and continues from where it is. The result's job has the new weight and does not record
        that the run began with another one, so repeating it gives a similar picture, not the same.

        Args:
            term: label of the term: the name of its loss, with ``#2``, ``#3``, … if the job has the loss several times.
            weight: positive and finite.

        Raises:
            UnknownNameError: the job has no such term.
            JobError: the weight is invalid, or the job normalizes gradients (``normalize_gradients``).
        """
        if term not in self._terms:
            raise unknown_name("term", term, self._terms)
        if self.prepared.job.normalize_gradients:
            raise JobError(
                "weights cannot be changed while gradients are normalized; make the job without normalize_gradients"
            )
        replace(self._terms[term], weight=weight)  # checks it
        with self._lock:
            self._reweighted[term] = weight

    def change(self, **options: Any) -> None:
        """Go on with other losses or colours, from the image that there is. May be called from any thread.

        The next evaluation is one of the new objective, at the best image so far; the current resolution level begins
        again, with all its evaluations. The result's job has the last options and does not record that the run began
        with others. To change nothing but a weight, :meth:`reweight` lets the optimizer keep what it knows.

        Args:
            options: as :func:`nst_core.make_job` takes them: what changes losses, their weights and layers, the
                strength, the shares, sizes and transforms of the styles, and the colour mode.

        Raises:
            JobError: a value is invalid, or the option decides something that a run cannot change, such as the size.
        """
        with self._lock:
            terms = {
                label: replace(term, weight=self._reweighted.get(label, term.weight))
                for label, term in self._terms.items()
            }
            current = self._changed or replace(self._job(), terms=tuple(terms.values()))
            registry, cache = self.prepared.registry, self.prepared.cache
            earlier = bool(self.prepared.images.earlier)
            self._changed = changed_job(current, options, registry, cache, earlier=earlier)

    def exhaust(self, observers: Iterable[Observer] = ()) -> Result:
        """Make all remaining steps and return the result.

        Args:
            observers: each is called with every :class:`Step`, in order.

        Raises:
            NonFiniteError: the objective remains NaN or infinite.
            CancelledError: the run was cancelled before its first evaluation.
            KeyboardInterrupt: Ctrl-C before the end of the first evaluation.
        """
        watching = tuple(observers)
        try:
            for step in self:
                for watch in watching:
                    if watch(step) is False:
                        self.cancel()
        except KeyboardInterrupt:  # while an observer was at work
            self.cancel()
            if self._loop is None or self._loop.best is None:
                raise
            for _ in self:
                pass
        finally:
            self._claim.close()
        return self.result()

    @property
    def best(self) -> Tensor | None:
        """The best image so far, ``(1, 3, H, W)`` on the device, in [0, 1]; ``None`` before the first evaluation."""
        loop = self._latest()
        with using(self._scratch):
            return loop.image() if loop is not None else None

    @property
    def unfinished(self) -> Tensor | None:
        """The best image before the last stage of its colour mode, like :attr:`best`: what another run can go on from.

        It is :attr:`best` itself where the colour mode has none.
        """
        loop = self._latest()
        with using(self._scratch):
            return loop.unfinished() if loop is not None else None

    def result(self) -> Result:
        """Return the result as it is now, whether the run has ended or not.

        Raises:
            CancelledError: no evaluation was made.
        """
        loop = self._latest()
        if loop is None or loop.best is None:
            raise CancelledError("the run was cancelled before its first evaluation, so there is no image")
        levels, history = self._levels, self._history
        if loop is self._loop:
            levels, history = [*levels, loop.result()], [*history, *loop.history]
        with using(self._scratch):
            image = loop.image().cpu()
            alpha = self.prepared.alpha_at((image.shape[-2], image.shape[-1]))
        return Result(
            image=image,
            total=loop.best.total,
            losses=losses_by_term(loop.problem.objective, loop.best.losses.tolist()),
            history=tuple(history),
            seconds=sum(level.seconds for level in levels),
            stopped=self.stopped or "cancelled",
            levels=tuple(levels),
            job=self._job(),
            device=str(self.prepared.device),
            threads=threads_to_use(self._threads),
            remarks=(*self.prepared.remarks, *self._remarks),
            alpha=alpha,
            scratch=self._scratch.peak if self._scratch else 0,
        )

    def _same_size(self) -> bool:
        """Whether the loop before is of the same level: of the objective that was there before a change."""
        loops = (self._loop, self._previous)
        return None not in loops and len({loop.problem.size for loop in loops if loop}) == 1

    @property
    def _begun_again(self) -> int:
        """How many evaluations belong to no level, because the job was changed after them."""
        return len(self._history) - sum(level.evaluations for level in self._levels)

    def _latest(self) -> Loop | None:
        """Return the loop of the last level that has an image."""
        loops = (self._loop, self._previous)
        return next((loop for loop in loops if loop is not None and loop.best is not None), None)

    def _job(self) -> Job:
        return replace(self.prepared.job, terms=tuple(self._terms.values()))

    def _iterate(self) -> Iterator[Step]:
        try:
            with naming_plugins(self.prepared.registry):
                while self.stopped is None and len(self._levels) < len(self.prepared.levels):
                    yield from self._level()
        except KeyboardInterrupt:
            self.stopped = "cancelled"
            self._save_at_last()
            if self._latest() is None:
                raise
        finally:
            self._claim.close()

    def _level(self) -> Iterator[Step]:
        """Make the steps of one resolution level, and go on to the next."""
        if self._cancelled.is_set():
            self._cancel()
            return
        loop = self._begin()
        while not loop.complete:
            if self._cancelled.is_set():
                self._cancel()
                return
            loop = self._with_changes(loop)
            self._apply_weights(loop)
            yield self._step(loop, loop.measure())
            self._previous = None
            if not loop.complete and loop.advance() and self._checkpoint is not None and self._checkpoint.due:
                self._save_if_possible(loop)
        self._end(loop, "converged" if loop.converged else "finished")

    def _begin(self) -> Loop:
        """Make the loop of the next level, from the one before or from what was saved."""
        before = self._previous
        saved, self._saved = self._saved, None  # not to be held any longer than it takes to load it
        start = before.best.variable if before and before.best else None
        if saved is not None:
            start = saved.state["level"]["start"].to(self.prepared.device)
        image, self._start = self._start, None
        problem = self.prepared.problem(len(self._levels), start, image)
        loop = Loop(problem, self._make_optimizer)
        if before is not None:
            loop.continue_from(before)
        loop.weights = self._weights(loop)
        if saved is not None:
            loop.load_state_dict(saved.state["level"])
        self._loop = loop
        return loop

    def _with_changes(self, loop: Loop) -> Loop:
        """Return the loop that goes on: a new one where the job was changed."""
        with self._lock:
            job, self._changed = self._changed, None
            if job is None:
                return loop
            self._reweighted = {}  # the new job has these weights, or others
        before, number = self.prepared, len(self._levels)
        prepared = replace(before, job=job)
        variable = loop.best.variable if loop.best else loop.problem.variable
        if parametrization_of(job, before.registry) == parametrization_of(before.job, before.registry):
            problem = prepared.problem(number, variable)
        else:
            problem = prepared.problem(number, image=loop.problem.parametrization.decode(variable))
        if loop.best is not None:  # it remains the best one until the new objective was evaluated
            self._previous = loop
            self._history += loop.history
        self.prepared, self._loop = prepared, Loop(problem, self._make_optimizer)
        self._terms = dict(zip(job.labels, job.terms, strict=True))
        if CHANGED not in self._remarks:
            self._remarks.append(CHANGED)
        return self._loop

    def _make_optimizer(self, component: Component) -> Optimizer:
        optimizer: Optimizer = self.prepared.registry.create("optimizer", component)
        return optimizer

    def _end(self, loop: Loop, reason: StopReason) -> None:
        self._levels.append(loop.result())
        self._history += loop.history
        self._previous, self._loop = loop, None
        if len(self._levels) == len(self.prepared.levels):
            self.stopped = reason

    def _cancel(self) -> None:
        self.stopped = "cancelled"
        self._save_at_last()

    def _step(self, loop: Loop, measured: Measured) -> Step:
        objective = loop.problem.objective
        weighted: dict[str, float] = {}
        for (term, _), value, weight in zip(objective.labels, measured.losses, loop.weights, strict=True):
            weighted[term] = weighted.get(term, 0.0) + weight * value
        note, self._note = " ".join(filter(None, (self._note, measured.note))), ""
        return Step(
            number=len(self._history) + len(loop.history),
            steps=sum(level.steps for level in self.prepared.levels) + self._begun_again,
            total=measured.total,
            losses=losses_by_term(objective, measured.losses),
            weighted=weighted,
            seconds=sum(level.seconds for level in self._levels) + loop.seconds,
            best=loop.best.total if loop.best else float("nan"),
            image=measured.image,
            note=note,
        )

    def _apply_weights(self, loop: Loop) -> None:
        with self._lock:
            changed, self._reweighted = self._reweighted, {}
        if not changed:
            return
        self._set_weights(changed)
        loop.reweight(self._weights(loop))

    def _set_weights(self, weights: Mapping[str, float]) -> None:
        """Note weights of terms by label, and that some are not those that the run began with."""
        for label, weight in weights.items():
            self._terms[label] = replace(self._terms[label], weight=weight)
        remark = "weights were changed during the run; the recipe has only the new ones"
        if self._job() != self.prepared.job and remark not in self._remarks:
            self._remarks.append(remark)

    def _weights(self, loop: Loop) -> tuple[float, ...]:
        """Return the weights of a level's losses as the terms have them now; unchanged ones to the last bit."""
        begun = zip(self._terms.items(), self.prepared.job.terms, strict=True)
        factors = {label: term.weight / before.weight for (label, term), before in begun}
        return tuple(
            weight * factors[label]
            for (label, _), weight in zip(loop.problem.objective.labels, loop.problem.weights, strict=True)
        )

    def _state(self, loop: Loop) -> dict[str, Any]:
        """Return what the rest of the run depends on, from a level's loop on."""
        return {
            "level": loop.state_dict(),
            "term_weights": {label: term.weight for label, term in self._terms.items()},
            "max_pixels": self.prepared.max_pixels,
        }

    def _save(self, loop: Loop) -> None:
        if self._checkpoint is not None and loop.consistent:
            self._checkpoint.write(self.prepared.job, self._levels, self._history, self._state(loop))

    def _save_if_possible(self, loop: Loop) -> None:
        """Save a run in progress; the next step says what went wrong, once, as the run is not to end for that."""
        try:
            self._save(loop)
        except CheckpointError as error:
            if not self._unsaved:
                self._note = f"{error}. The run continues, and tries again later"
            self._unsaved = True
        else:
            self._unsaved = False

    def _save_at_last(self) -> None:
        """Save a run that ends early; what goes wrong is a remark, as its result is not to be lost for that.

        Between two levels, before the larger one's first evaluation, it is the smaller one's end that is saved. Between
        two objectives, before the second one's first evaluation, it is what was saved before.
        """
        try:
            if self._loop is not None and self._loop.best is not None:
                self._save(self._loop)
            elif self._previous is not None and self._checkpoint is not None and not self._same_size():
                history = self._history[: len(self._history) - len(self._previous.history)]
                self._checkpoint.write(self.prepared.job, self._levels[:-1], history, self._state(self._previous))
        except CheckpointError as error:
            self._remarks.append(str(error))
