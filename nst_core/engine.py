"""The only optimisation loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.blame import naming_plugins
from nst_core.errors import BrokenContractError, NonFiniteError
from nst_core.image import ImageInput
from nst_core.job import Job
from nst_core.objective import Objective
from nst_core.parametrization import Pixels
from nst_core.plugins import default_registry
from nst_core.registry import Registry
from nst_core.resolve import Ready, resolve
from nst_core.result import Losses, Result, Step, Stopped

__all__ = ["Observer", "evaluate", "optimize", "run"]

Observer = Callable[[Step], None]

# After a non-finite value the engine goes back and takes shorter steps, this often and by this factor.
MOST_ROLLBACKS = 4
DAMPING = 0.1


def run(
    job: Job,
    *,
    content: ImageInput | None = None,
    style: ImageInput | None = None,
    observers: Iterable[Observer] = (),
    registry: Registry | None = None,
) -> Result:
    """Carry out a job.

    Args:
        job: what to do.
        content: the content image, where the job's reference has no path.
        style: likewise the style image.
        observers: each is called with every :class:`Step`, in order.
        registry: where names are looked up; everything installed by default.

    Returns:
        The best image found. Ctrl-C ends a run early with the best so far.

    Raises:
        NonFiniteError: the objective is NaN or infinite, whatever the engine tries.
        NstError: something that the job names cannot be had.
        KeyboardInterrupt: Ctrl-C before the first evaluation was done.
    """
    registry = registry or default_registry()
    with naming_plugins(registry):
        ready = resolve(job, registry, content=content, style=style)
        return optimize(ready, observers)


@dataclass(frozen=True)
class _Best:
    total: float
    losses: Tensor
    variable: Tensor


def optimize(ready: Ready, observers: Iterable[Observer] = ()) -> Result:
    """Improve the initial image of a job that was made ready; see :func:`run`."""
    watchers = tuple(observers)
    objective, optimizer, steps = ready.objective, ready.optimizer, ready.job.steps
    pixels = Pixels()
    variable = pixels.variable(ready.initial)
    best: _Best | None = None
    history: list[float] = []
    scale, damping, rollbacks = 0.0, 1.0, 0
    stopped: Stopped = "finished"
    began = time.perf_counter()
    optimizer.start(variable)
    try:
        while len(history) < steps:
            total, losses, gradient, image = evaluate(objective, pixels, variable)
            finite = math.isfinite(total) and bool(torch.isfinite(gradient).all())
            if finite and (best is None or total < best.total):
                best = _Best(total, losses, variable)
            history.append(total)
            note = ""
            if not finite:
                rollbacks += 1
                note = "the objective is not finite; going back to the best image, with shorter steps"
                _give_up_if_hopeless(best, rollbacks, objective, losses)
            step = Step(
                number=len(history),
                steps=steps,
                total=total,
                losses=_by_term(objective, losses),
                seconds=time.perf_counter() - began,
                best=best.total if best else math.nan,
                image=image,
                note=note if rollbacks == 1 else "",
            )
            for watch in watchers:
                watch(step)
            if len(history) == steps:
                break
            if finite:
                scale = scale or _scale(gradient)
                following = optimizer.step(total * scale, gradient * scale)
                if following is None:
                    stopped = "converged"
                    break
                if len(history) == steps - 1:
                    solution = optimizer.solution()
                    following = following if solution is None else solution
                if following.shape != variable.shape:
                    problem = f"was at a point of shape {tuple(variable.shape)} and gave {tuple(following.shape)}"
                    raise BrokenContractError("optimizer", ready.job.optimizer.name, problem)
                variable = following
            else:
                assert best is not None  # noqa: S101 - for the type checker: else the engine gave up
                damping *= DAMPING
                variable = best.variable
                optimizer.start(variable, damping)
    except KeyboardInterrupt:
        if best is None:
            raise
        stopped = "interrupted"
    assert best is not None  # noqa: S101 - for the type checker: the first evaluation gave one, or raised
    return Result(
        image=pixels.image(best.variable).cpu(),
        total=best.total,
        losses=_by_term(objective, best.losses),
        history=tuple(history),
        seconds=time.perf_counter() - began,
        stopped=stopped,
        job=ready.job,
        device=str(ready.initial.device),
        remarks=ready.remarks,
    )


def evaluate(objective: Objective, pixels: Pixels, variable: Tensor) -> tuple[float, Tensor, Tensor, Tensor]:
    """Evaluate once: total, losses by label, gradient of the variable, and the image."""
    leaf = variable.detach().requires_grad_()
    image = pixels.image(leaf)
    evaluation = objective(image)
    (gradient,) = torch.autograd.grad(evaluation.total, leaf)
    return float(evaluation.total.detach()), evaluation.losses, gradient, image.detach()


def _scale(gradient: Tensor) -> float:
    """Make the first gradient one in the mean, so that optimizers need not know the magnitude of α and β."""
    size = float(gradient.abs().mean(dtype=torch.float64))
    return 1.0 / size if size > 0 else 1.0


def _give_up_if_hopeless(best: _Best | None, rollbacks: int, objective: Objective, losses: Tensor) -> None:
    if best is not None and rollbacks <= MOST_ROLLBACKS:
        return
    broken = [f"{term} at {part}" for (term, part), v in zip(objective.labels, losses, strict=True) if not v.isfinite()]
    where = f" ({', '.join(broken)})" if broken else ""
    when = "at the first image" if best is None else f"again after {MOST_ROLLBACKS} restarts with shorter steps"
    raise NonFiniteError(
        f"the objective is not finite {when}{where}; lower the weights, use --precision fp32, or another optimizer"
    )


def _by_term(objective: Objective, losses: Tensor) -> Losses:
    table: dict[str, dict[str, float]] = {}
    for (term, part), value in zip(objective.labels, losses.tolist(), strict=True):
        table.setdefault(term, {})[part] = value
    return table
