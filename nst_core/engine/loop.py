"""The optimisation of one image at one resolution level: the only loop over evaluations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nst_core.components import Optimizer
from nst_core.engine.problem import Problem, smaller_tiles
from nst_core.engine.progress import PATIENCE, Progress
from nst_core.engine.result import LevelResult, Losses
from nst_core.errors import BrokenContractError, NonFiniteError, is_out_of_memory
from nst_core.job.schema import Component
from nst_core.objective.objective import Evaluation, Objective, mean_absolute
from nst_core.ops import to_host
from nst_core.planning.memory_plan import MAX_REDUCTIONS

__all__ = ["Best", "Loop", "Measured", "losses_by_term"]

# After a non-finite value the engine goes back and takes shorter steps, this often and by this factor.
MAX_ROLLBACKS = 4
DAMPING = 0.1

# Pull on what lies outside the variable's bounds, in units of the scaled gradient per unit of distance: at first, its
# share after every evaluation, and at least. A value settles outside where its gradient still pushes outwards. A much
# greater force makes the optimizer slow, a much smaller one lets values stray (docs/notes/box.md).
FIRST_FORCE = 0.5
FORCE_DECAY = 0.97
LEAST_FORCE = 0.15

LESS_MEMORY = "out of memory; the optimizer remembers less from here on and restarts at the best image"


@dataclass(frozen=True)
class Best:
    """The best point so far: its total, its losses and the variable there."""

    total: float
    losses: Tensor
    variable: Tensor


@dataclass(frozen=True)
class Measured:
    """One evaluation: total, unweighted losses in the objective's order, finished image, and anything unusual."""

    total: float
    losses: tuple[float, ...]
    image: Tensor
    note: str


class Loop:
    """Evaluations of one objective by one optimizer: :meth:`measure`, :meth:`advance`, and again.

    All that the next evaluation depends on is in :meth:`state_dict`, so a run can be stopped and continued between any
    two of them.

    Attributes:
        best: the best point so far, ``None`` before the first evaluation.
        history: total loss of every evaluation.
        seconds: time of the evaluations and optimizer steps.
        weights: of the losses, in the objective's order.
        converged: whether the optimizer has said that it is at its end.
        consistent: whether the state may be saved now: not in the middle of an optimizer's step.
    """

    def __init__(self, problem: Problem, make_optimizer: Callable[[Component], Optimizer]) -> None:
        """Begin at the first point of a problem.

        Args:
            problem: what to optimise.
            make_optimizer: makes an optimizer with other parameters, where memory runs out.
        """
        self.problem = problem
        self._make_optimizer = make_optimizer
        self._optimizer = problem.optimizer
        self._component = problem.optimizer_component
        self._tiling = problem.tiling
        self._variable = problem.variable
        self._gradient: Tensor | None = None  # as the optimizer is to see it
        self._ahead: Tensor | None = None  # what the optimizer wanted to know
        self._exchanged = False  # whether memory ran out as it said so, and there is another optimizer now
        self._scale, self._damping, self._rollbacks, self._reductions = 0.0, 1.0, 0, 0
        self._note = problem.note
        self._progress = Progress()
        self.weights = tuple(problem.weights)
        self.best: Best | None = None
        self.history: list[float] = []
        self.seconds = 0.0
        self.converged = False
        self.consistent = True
        self._start(lambda: self._optimizer.start(self._variable))

    @property
    def complete(self) -> bool:
        """Whether all evaluations of the level are made."""
        return self.converged or len(self.history) >= self.problem.steps

    def continue_from(self, smaller: Loop) -> None:
        """Begin with what the optimizer learned at a smaller level, where it can use that."""
        # Losses are means over positions: with more pixels, each pulls less. The optimizer should not notice.
        self._scale = smaller._scale * self._variable.numel() / smaller._variable.numel()
        self._start(lambda: self._optimizer.continue_at(self._variable, smaller._optimizer))

    def state_dict(self) -> dict[str, Any]:
        """Return what the next evaluations depend on: tensors, which are not copies, and plain values."""
        best = self.best
        return {
            "start": self.problem.variable,
            "variable": self._variable,
            "best": [best.total, best.losses, best.variable] if best else None,
            "history": self.history,
            "scale": self._scale,
            "damping": self._damping,
            "rollbacks": self._rollbacks,
            "progress": self._progress.state_dict(),
            "seconds": self.seconds,
            "converged": self.converged,
            "weights": list(self.weights),
            "max_pixels": self._tiling.max_pixels,
            "optimizer_params": dict(self._component.params),
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
        self._rollbacks, self.seconds, self.converged = state["rollbacks"], state["seconds"], state["converged"]
        self._progress = Progress.from_state_dict(state["progress"])
        self.weights = tuple(state["weights"])
        self._tiling = replace(self._tiling, max_pixels=state["max_pixels"])
        if state["optimizer_params"] != dict(self._component.params):
            self._exchange_optimizer(state["optimizer_params"])
            self._optimizer.start(self._variable)
        self._optimizer.load_state_dict(state["optimizer"])

    def reweight(self, weights: Sequence[float]) -> None:
        """Go on with other weights of the losses, from where the loop is. To be called between two evaluations."""
        self.weights = tuple(weights)
        self._progress = Progress()
        if self.best is not None:
            total = float(torch.dot(self.best.losses, self.best.losses.new_tensor(self.weights)))
            self.best = replace(self.best, total=total)
        self._start(lambda: self._optimizer.objective_changed(self._variable))

    def measure(self) -> Measured:
        """Evaluate the objective at the current point.

        Raises:
            NonFiniteError: it is NaN or infinite, whatever was tried.
        """
        began = time.perf_counter()
        found, image = self._evaluate()
        self.consistent = False
        assert found.gradient is not None  # noqa: S101 - for the type checker: evaluate gives it
        gradient = found.gradient
        wanted = [found.total, torch.isfinite(gradient).all(), found.losses]
        self._condition(gradient)
        wanted += self._look_ahead(gradient)
        total_there, finite_there, losses, *ahead = to_host(*wanted)
        total = float(total_there)
        finite = math.isfinite(total) and bool(finite_there)
        if finite and (self.best is None or total < self.best.total):
            self.best = Best(total, found.losses, self._variable)
        self.history.append(total)
        if not finite:
            self._rollbacks += 1
            if self._rollbacks == 1:
                self._note = "the objective is not finite; returning to the best image, with shorter steps"
            self._give_up_if_hopeless(losses.tolist())
        assert self.best is not None  # noqa: S101 - for the type checker: there is one, or it was given up
        self._progress.observe(self.best.total)
        self._gradient, self._ahead = (gradient, ahead[0] if ahead else None) if finite else (None, None)
        if self.complete:  # nothing will be asked of the optimizer any more
            self._gradient, self._ahead, self.consistent = None, None, True
        note, self._note = self._note, ""
        self.seconds += time.perf_counter() - began
        return Measured(total, tuple(losses.tolist()), self.problem.finished(image), note)

    def advance(self) -> bool:
        """Move to the next point; ``False`` if the optimizer has converged."""
        began = time.perf_counter()
        try:
            self.converged = not self._advance()
        finally:
            self.seconds += time.perf_counter() - began
        self.consistent = True
        return not self.converged

    def _look_ahead(self, gradient: Tensor) -> list[Tensor]:
        """Return what the optimizer wants to know at its next step, where every copy to the CPU waits: one is to do."""
        last = len(self.history) + 1 >= self.problem.steps  # nothing will be asked of it any more
        if gradient.device.type == "cpu" or last:
            return []
        try:
            ahead = self._optimizer.look_ahead(gradient)
        except (RuntimeError, MemoryError) as error:
            if not self._give_up_memory(error):
                raise
            self._exchanged = True
            return []
        return [] if ahead is None else [ahead]

    def _evaluate(self) -> tuple[Evaluation, Tensor]:
        """Evaluate once. Where memory runs out, tiles get smaller, and then the optimizer's memory."""
        while True:
            try:
                return self.problem.evaluate(self._variable, weights=self.weights, tiling=self._tiling)
            except (RuntimeError, MemoryError) as error:
                smaller = is_out_of_memory(error) and self._tile_smaller()
                if not smaller and not self._give_up_memory(error):
                    raise
            # Only here is nothing held any more that the error's traceback refers to.
            torch.accelerator.empty_cache()
            if smaller:
                self._note = smaller_tiles(self._tiling)
            else:
                self._start_again()

    def _tile_smaller(self) -> bool:
        """Halve the tiles; ``False`` where that is not possible."""
        smaller = None if self.problem.objective.untileable else self._tiling.halved(math.prod(self.problem.size))
        self._tiling = smaller or self._tiling
        return smaller is not None

    def _give_up_memory(self, error: Exception) -> bool:
        """Have the optimizer remember less, if memory ran out; ``False`` where that is not so or not possible."""
        smaller = self._optimizer.with_less_memory() if is_out_of_memory(error) else None
        if smaller is None or self._reductions == MAX_REDUCTIONS:
            return False
        self._reductions += 1
        self._exchange_optimizer(smaller)
        self._note = LESS_MEMORY
        return True

    def _exchange_optimizer(self, params: Mapping[str, Any]) -> None:
        self._component = Component(self._component.name, {**self._component.params, **params})
        self._optimizer = self._make_optimizer(self._component)

    def _start(self, start: Callable[[], None]) -> None:
        """Start the optimizer with as much memory as there is room for."""
        while True:
            try:
                return start()
            except (RuntimeError, MemoryError) as error:
                if not self._give_up_memory(error):
                    raise
            torch.accelerator.empty_cache()

    def _start_again(self, shorter: float = 1.0) -> None:
        """Begin at the best point with an empty memory, and with steps so much shorter."""
        self._variable = self.best.variable if self.best else self._variable
        self._start(lambda: self._optimizer.start(self._variable, self._damping * shorter))

    def _advance(self) -> bool:
        gradient, self._gradient = self._gradient, None
        ahead, self._ahead = self._ahead, None
        if gradient is None:  # the value was not finite
            self._damping *= DAMPING
            self._exchanged = False
            self._start_again()
            return True
        if self._exchanged:
            self._exchanged = False
            torch.accelerator.empty_cache()
            self._start_again()
            return True
        if self._progress.stalled:
            return self._restart()
        loss = self.history[-1] * self._scale
        try:
            if ahead is None:
                following = self._optimizer.step(loss, gradient)
            else:
                following = self._optimizer.step_ahead(loss, gradient, ahead)
        except (RuntimeError, MemoryError) as error:
            if not self._give_up_memory(error):
                raise
        else:
            return self._move_to(following)
        torch.accelerator.empty_cache()
        self._start_again()
        return True

    def _condition(self, gradient: Tensor) -> None:
        """Make of the objective's gradient what the optimizer sees: scaled, with what pulls back into the bounds."""
        self._scale = self._scale or _scale(gradient)
        gradient.mul_(self._scale)
        self._pull_back_into_bounds(gradient)

    def _pull_back_into_bounds(self, gradient: Tensor) -> None:
        """Add the restoring force on what lies outside the bounds of the variable.

        The objective is constant there, but the gradient passes the bounds: f' at the nearest point inside. With the
        force the sum is zero where, and only where, the nearest point inside is stationary among the points inside:
        the normal map of a variational inequality, Robinson, Mathematics of Operations Research 17, 1992.
        """
        bounds = self.problem.parametrization.bounds
        if bounds is not None:
            force = max(LEAST_FORCE, FIRST_FORCE * FORCE_DECAY ** (len(self.history) + 1))
            gradient.add_(self._variable - self._variable.clamp(*bounds), alpha=force)

    def _restart(self) -> bool:
        """Begin again at the best point, or ``False`` if that did not help the last times."""
        shorter = self._progress.restart()
        if shorter is None:
            return False
        self._note = f"no progress in {PATIENCE} evaluations; restarting at the best image"
        self._start_again(shorter)
        return True

    def _move_to(self, following: Tensor | None) -> bool:
        if following is None:
            return False
        if len(self.history) == self.problem.steps - 1:
            solution = self._optimizer.solution()
            following = following if solution is None else solution
        if following.shape != self._variable.shape:
            problem = f"was at a point of shape {tuple(self._variable.shape)} and gave {tuple(following.shape)}"
            raise BrokenContractError("optimizer", self._component.name, problem)
        self._variable = following
        return True

    def _give_up_if_hopeless(self, losses: Sequence[float]) -> None:
        if self.best is not None and self._rollbacks <= MAX_ROLLBACKS:
            return
        labels = self.problem.objective.labels
        broken = [f"{term} at {part}" for (term, part), v in zip(labels, losses, strict=True) if not math.isfinite(v)]
        where = f" ({', '.join(broken)})" if broken else ""
        when = "at the first image" if self.best is None else f"again after {MAX_ROLLBACKS} restarts with shorter steps"
        raise NonFiniteError(
            f"the objective is not finite {when}{where}; lower the weights, use --precision fp32, or another optimizer"
        )

    def result(self) -> LevelResult:
        """Return the figures of this level."""
        assert self.best is not None  # noqa: S101 - for the type checker: the first evaluation gave one, or raised
        return LevelResult(max(self.problem.size), len(self.history), self.seconds, self.best.total)

    def image(self) -> Tensor:
        """Return the best image, finished, in [0, 1], on the device."""
        return self.problem.finished(self.unfinished())

    def unfinished(self) -> Tensor:
        """Return the best image as the network sees it, before the last stage of a colour mode."""
        assert self.best is not None  # noqa: S101 - for the type checker: the first evaluation gave one, or raised
        return self.problem.image(self.best.variable)


def losses_by_term(objective: Objective, losses: Sequence[float]) -> Losses:
    """Return unweighted losses by term and layer."""
    table: dict[str, dict[str, float]] = {}
    for (term, part), value in zip(objective.labels, losses, strict=True):
        table.setdefault(term, {})[part] = value
    return table


def _scale(gradient: Tensor) -> float:
    """Make the first gradient one in the mean, so that optimizers need not know the magnitude of α and β."""
    size = mean_absolute(gradient)
    return 1.0 / size if size > 0 else 1.0
