"""Optimizers: where to evaluate the objective next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nst_core.job.schema import ParamValue

__all__ = ["Optimizer"]


class Optimizer(ABC):
    """Improves a variable from values and gradients, one evaluation at a time.

    The engine evaluates the objective, the optimizer says where next. All that an optimizer remembers lies in
    its attributes, so a run can be stopped and continued between any two evaluations. The loss and gradient it
    sees are scaled by one constant such that the first gradient has mean absolute value one: step lengths need
    not know the magnitude of α and β.
    """

    @abstractmethod
    def start(self, variable: Tensor, damping: float = 1.0) -> None:
        """Forget everything and begin at ``variable``, which is the next point to be evaluated.

        Args:
            variable: any shape, float32.
            damping: factor on the step length, at most 1; the engine lowers it after a non-finite value.
        """

    def continue_at(self, variable: Tensor, before: Optimizer) -> None:  # noqa: ARG002
        """Begin at the first point of a larger resolution level, with what may be of use from the smaller one.

        Only :meth:`start` unless overridden: what is remembered of a smaller image seldom fits.

        Args:
            variable: as :meth:`start` has it, usually ``(1, 3, H, W)``.
            before: another instance with the same parameters.
        """
        self.start(variable)

    @abstractmethod
    def step(self, loss: float, gradient: Tensor) -> Tensor | None:
        """Take the value at the current point and return the next point to evaluate, or ``None`` to stop.

        Args:
            loss: the scaled objective at the current point.
            gradient: its gradient, in the shape of the variable.

        Returns:
            A tensor in the shape of the variable, which the optimizer does not change later.
        """

    def look_ahead(self, gradient: Tensor) -> Tensor | None:  # noqa: ARG002
        """Begin the next step before the loss is known, on a device other than the CPU; ``None`` unless overridden.

        Every number that a program takes from a GPU makes it wait for all that the GPU has still to do. What an
        optimizer wants to know on the CPU, norms and inner products, it returns here as one tensor. The engine copies
        it together with the loss, and calls :meth:`step_ahead` instead of :meth:`step`; or :meth:`start`, where the
        loss is such that no step is made. What it keeps until then, in its attributes, counts in the plan of memory.

        Args:
            gradient: that the step will be given.

        Returns:
            Numbers of floating point, on the device of the gradient, or ``None`` for a step that needs none.
        """
        return None

    def step_ahead(self, loss: float, gradient: Tensor, ahead: Tensor) -> Tensor | None:  # noqa: ARG002
        """Make the step that :meth:`look_ahead` began; see :meth:`step`.

        Args:
            loss: see :meth:`step`.
            gradient: see :meth:`step`.
            ahead: what :meth:`look_ahead` returned, on the CPU.
        """
        return self.step(loss, gradient)

    def with_less_memory(self) -> Mapping[str, ParamValue] | None:
        """Return parameters with which this optimizer keeps less memory, or ``None`` where it cannot.

        They are laid over the parameters that it has. The framework asks for them where a job does not fit into
        memory, again and again until it fits, and where memory runs out during a run, which then starts again at the
        best point.
        """
        return None

    def objective_changed(self, variable: Tensor) -> None:
        """Go on at ``variable`` with another objective: the weights of the losses were changed during the run.

        What was learned of the curvature may mislead from here on: :meth:`start` unless overridden.
        """
        self.start(variable)

    def solution(self) -> Tensor | None:
        """Return a point that may be better than those evaluated, such as an average of them, or ``None``.

        The engine makes it the last point that it evaluates; the best one of all is the result.
        """
        return None

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return tensors, numbers and strings (nested in dicts, lists and tuples) that hold all that is remembered.

        The tensors need not be copies: whoever keeps them past the next step copies them.
        """

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up where :meth:`state_dict` was called; the steps that follow are the same.

        Called after :meth:`start`, on whose device the variable lives; the tensors of ``state`` may be on the CPU.
        ``state`` stays as it is.
        """
