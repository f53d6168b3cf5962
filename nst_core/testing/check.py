"""A check: one demand on one component, and what came of it."""

from __future__ import annotations

import inspect
import unittest
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor

from nst_core.errors import PluginError

__all__ = ["Check", "ConformanceError", "NotApplicable", "Outcome", "close", "fail", "require", "run_checks"]


class ConformanceError(AssertionError):
    """A component does not do what its interface promises; the message says what and how far off."""


class NotApplicable(unittest.SkipTest):
    """A check has nothing to say about this component; pytest counts it as skipped."""


@dataclass(frozen=True)
class Check:
    """One demand on one component.

    Attributes:
        name: of the demand, with the parameters of the component where they are not the defaults.
        law: what is demanded, with the subject as its argument; its docstring says it in a sentence.
        make: gives a new subject.
    """

    name: str
    law: Callable[[Any], None]
    make: Callable[[], Any]

    def __str__(self) -> str:
        return self.name

    @property
    def demand(self) -> str:
        """The demand in a sentence."""
        return (inspect.getdoc(self.law) or "").partition("\n")[0]

    def __call__(self) -> None:
        """Carry the check out.

        Raises:
            ConformanceError: the component does not pass.
            NotApplicable: the demand does not concern it.
        """
        self.law(self.make())


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    Attributes:
        check: that was carried out.
        verdict: of it.
        detail: what was wrong, or why it was skipped; "" where it passed.
    """

    check: Check
    verdict: Literal["passed", "failed", "skipped"]
    detail: str = ""


def run_checks(checks: Iterable[Check]) -> Iterator[Outcome]:
    """Carry checks out one after the other; whatever a component does, the next one follows."""
    for check in checks:
        try:
            check()
        except NotApplicable as reason:
            yield Outcome(check, "skipped", str(reason))
        except (ConformanceError, PluginError) as error:
            yield Outcome(check, "failed", str(error))
        except Exception as error:
            yield Outcome(check, "failed", f"{type(error).__name__}: {error}")
        else:
            yield Outcome(check, "passed")


def fail(message: str) -> NoReturn:
    """Raise the error of a failed check."""
    raise ConformanceError(message)


def require(condition: object, message: str) -> None:
    """Fail with a message unless a condition holds."""
    if not condition:
        fail(message)


def close(found: Tensor, expected: Tensor, what: str, tolerance: float = 1e-8) -> None:
    """Fail unless two tensors agree to ``tolerance``, relative to the largest expected value."""
    require(found.shape == expected.shape, f"{what}: shapes {tuple(found.shape)} and {tuple(expected.shape)} differ")
    if not expected.numel():
        return
    size = max(float(expected.detach().abs().max()), torch.finfo(torch.float32).tiny)
    error = float((found.detach().double() - expected.detach().double()).abs().max()) / size
    require(error <= tolerance, f"{what}: they differ by {error:.1e} of the largest value, {tolerance:.0e} is allowed")
