"""The optimisation of one image at one size: the only loop over evaluations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nst_core.components.parametrization import Pixels
from nst_core.engine.prepare import Ready
from nst_core.engine.result import Losses, Stage, Step, Stopped
from nst_core.errors import BrokenContractError, NonFiniteError, is_out_of_memory
from nst_core.objective.objective import Evaluation, Objective, mean_size

__all__ = ["Descent", "Observer", "evaluate"]

Observer = Callable[[Step], None]

# After a non-finite value the engine goes back and takes shorter steps, this often and by this factor.
MOST_ROLLBACKS = 4
DAMPING = 0.1

LESS = "out of memory; the optimizer remembers less from here on, and starts again at the best image"


@dataclass(frozen=True)
class Best:
    """The best point so far: its total, its losses and the variable there."""

    total: float
    losses: Tensor
    variable: Tensor


class Descent:
    """Evaluations of one objective by one optimizer.

    All that the next evaluation depends on is in :meth:`state_dict`, so a run can be stopped and continued between any
    two of them.

    Attributes:
        best: the best point so far, ``None`` before the first evaluation.
        history: total loss of every evaluation.
        seconds: time of the evaluations and optimizer steps.
        consistent: whether the state may be written now: not in the middle of an optimizer's step.
    """

    def __init__(self, ready: Ready, *, done: int = 0, planned: int = 0, seconds_before: float = 0.0) -> None:
        """Begin at the first image of a job that was made ready.

        Args:
            ready: the job.
            done: evaluations made before this descent, in a run of several; steps are numbered on.
            planned: evaluations of the whole run; those of the job by default.
            seconds_before: likewise, of the time.
        """
        self._ready = ready
        self._pixels = Pixels()
        self._done = done
        self._planned = planned or ready.job.steps
        self._before = seconds_before
        self._variable = self._pixels.variable(ready.initial)
        self._scale, self._damping, self._rollbacks = 0.0, 1.0, 0
        self.best: Best | None = None
        self.history: list[float] = []
        self.seconds = 0.0
        self.consistent = True
        self._optimizer = ready.optimizer
        self._note = ""
        self._start(lambda: self._optimizer.start(self._variable))

    def take_over(self, smaller: Descent) -> None:
        """Begin with what the optimizer learned at a smaller size, where it can use that."""
        # Losses are means over positions: with more pixels, each pulls less. The optimizer should not notice.
        self._scale = smaller._scale * self._variable.numel() / smaller._variable.numel()
        self._start(lambda: self._optimizer.resume_at(self._variable, smaller._optimizer))

    def state_dict(self) -> dict[str, Any]:
        """Return what the next evaluations depend on: tensors, which are not copies, and plain values."""
        best = self.best
        return {
            "variable": self._variable,
            "best": [best.total, best.losses, best.variable] if best else None,
            "history": self.history,
            "scale": self._scale,
            "damping": self._damping,
            "rollbacks": self._rollbacks,
            "seconds": self.seconds,
            "most_pixels": self._ready.objective.tiling.most_pixels,
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        place = self._variable.device
        self._variable = state["variable"].to(place)
        best = state["best"]
        self.best = Best(best[0], best[1].to(place), best[2].to(place)) if best else None
        self.history = list(state["history"])
        self._scale, self._damping = state["scale"], state["damping"]
        self._rollbacks, self.seconds = state["rollbacks"], state["seconds"]
        self._optimizer.load_state_dict(state["optimizer"])

    def go(self, observers: Sequence[Observer], between: Callable[[], None] = lambda: None) -> Stopped:
        """Make the evaluations that are left; return why they ended.

        Args:
            observers: each is called with every step.
            between: called between two evaluations, when the state may be written.

        Raises:
            KeyboardInterrupt: Ctrl-C before the first evaluation was done.
        """
        try:
            return self._go(observers, between)
        except KeyboardInterrupt:
            if self.best is None:
                raise
            return "interrupted"

    def _go(self, observers: Sequence[Observer], between: Callable[[], None]) -> Stopped:
        objective, steps = self._ready.objective, self._ready.job.steps
        began = time.perf_counter() - self.seconds
        while len(self.history) < steps:
            found, image = self._evaluate()
            self.consistent = False
            total, gradient = float(found.total), found.gradient
            assert gradient is not None  # noqa: S101 - for the type checker: evaluate gives it
            finite = math.isfinite(total) and bool(torch.isfinite(gradient).all())
            if finite and (self.best is None or total < self.best.total):
                self.best = Best(total, found.losses, self._variable)
            self.history.append(total)
            if not finite:
                self._rollbacks += 1
                if self._rollbacks == 1:
                    self._note = "the objective is not finite; going back to the best image, with shorter steps"
                self._give_up_if_hopeless(found.losses)
            self.seconds = time.perf_counter() - began
            step = Step(
                number=self._done + len(self.history),
                steps=self._planned,
                total=total,
                losses=by_term(objective, found.losses),
                weighted=_weighted(objective, found.losses),
                seconds=self._before + self.seconds,
                best=self.best.total if self.best else math.nan,
                image=image,
                note=self._note,
            )
            self._note = ""
            for watch in observers:
                watch(step)
            if len(self.history) == steps:
                self.consistent = True
                break
            if not self._proceed(total, gradient, finite):
                return "converged"
            del gradient, found, image, step
            self.seconds = time.perf_counter() - began
            self.consistent = True
            between()
        return "finished"

    def _evaluate(self) -> tuple[Evaluation, Tensor]:
        """Evaluate once. Where memory runs out, tiles get smaller, and then the optimizer's memory."""
        objective = self._ready.objective
        while True:
            try:
                return evaluate(objective, self._pixels, self._variable)
            except (RuntimeError, MemoryError) as error:
                smaller = is_out_of_memory(error) and objective.tile_smaller(self._variable)
                if not smaller and not self._let_go(error):
                    raise
            # Only here is nothing held any more that the error's traceback refers to.
            torch.accelerator.empty_cache()
            if smaller:
                self._note = f"out of memory; going on in tiles of {objective.tiling.most_pixels} pixels"
            else:
                self._start_again()

    def _let_go(self, error: Exception) -> bool:
        """Have the optimizer remember less, if memory ran out; ``False`` where that is not so or not possible."""
        if not is_out_of_memory(error) or not self._optimizer.remember_less():
            return False
        self._note = LESS
        return True

    def _start(self, start: Callable[[], None]) -> None:
        """Start the optimizer with as much memory as there is room for."""
        while True:
            try:
                return start()
            except (RuntimeError, MemoryError) as error:
                if not self._let_go(error):
                    raise
            torch.accelerator.empty_cache()

    def _start_again(self) -> None:
        """Begin at the best point with an empty memory."""
        self._variable = self.best.variable if self.best else self._variable
        self._start(lambda: self._optimizer.start(self._variable, self._damping))

    def _proceed(self, total: float, gradient: Tensor, finite: bool) -> bool:
        """Move to the next point; ``False`` if the optimizer has converged."""
        if not finite:
            self._damping *= DAMPING
            self._start_again()
            return True
        self._scale = self._scale or _scale(gradient)
        gradient.mul_(self._scale)
        try:
            following = self._optimizer.step(total * self._scale, gradient)
        except (RuntimeError, MemoryError) as error:
            if not self._let_go(error):
                raise
        else:
            return self._move_to(following)
        torch.accelerator.empty_cache()
        self._start_again()
        return True

    def _move_to(self, following: Tensor | None) -> bool:
        if following is None:
            return False
        if len(self.history) == self._ready.job.steps - 1:
            solution = self._optimizer.solution()
            following = following if solution is None else solution
        if following.shape != self._variable.shape:
            problem = f"was at a point of shape {tuple(self._variable.shape)} and gave {tuple(following.shape)}"
            raise BrokenContractError("optimizer", self._ready.job.optimizer.name, problem)
        self._variable = following
        return True

    def _give_up_if_hopeless(self, losses: Tensor) -> None:
        if self.best is not None and self._rollbacks <= MOST_ROLLBACKS:
            return
        labels = self._ready.objective.labels
        broken = [f"{term} at {part}" for (term, part), v in zip(labels, losses, strict=True) if not v.isfinite()]
        where = f" ({', '.join(broken)})" if broken else ""
        when = (
            "at the first image" if self.best is None else f"again after {MOST_ROLLBACKS} restarts with shorter steps"
        )
        raise NonFiniteError(
            f"the objective is not finite {when}{where}; lower the weights, use --precision fp32, or another optimizer"
        )

    def stage(self, size: int) -> Stage:
        """Return the figures of this descent; ``size`` is the longest side of its image."""
        assert self.best is not None  # noqa: S101 - for the type checker: the first evaluation gave one, or raised
        return Stage(size, len(self.history), self.seconds, self.best.total)

    def image(self) -> Tensor:
        """Return the best image, in [0, 1], on the device."""
        assert self.best is not None  # noqa: S101 - for the type checker: the first evaluation gave one, or raised
        return self._pixels.image(self.best.variable)


def evaluate(objective: Objective, pixels: Pixels, variable: Tensor) -> tuple[Evaluation, Tensor]:
    """Evaluate once; return the objective with its gradient with respect to the variable, and the image."""
    image = pixels.image(variable)
    found = objective.evaluate(image)
    assert found.gradient is not None  # noqa: S101 - for the type checker: evaluate gives it
    return replace(found, gradient=pixels.gradient(found.gradient)), image


def by_term(objective: Objective, losses: Tensor) -> Losses:
    """Return unweighted losses by term and layer."""
    table: dict[str, dict[str, float]] = {}
    for (term, part), value in zip(objective.labels, losses.tolist(), strict=True):
        table.setdefault(term, {})[part] = value
    return table


def _weighted(objective: Objective, losses: Tensor) -> dict[str, float]:
    table: dict[str, float] = {}
    for (term, _), value, weight in zip(objective.labels, losses.tolist(), objective.weights, strict=True):
        table[term] = table.get(term, 0.0) + weight * value
    return table


def _scale(gradient: Tensor) -> float:
    """Make the first gradient one in the mean, so that optimizers need not know the magnitude of α and β."""
    size = mean_size(gradient)
    return 1.0 / size if size > 0 else 1.0
