"""A check, and what comes of one."""

from __future__ import annotations

import unittest

import pytest
import torch

from nst_core import PluginError
from nst_core.testing.check import Check, ConformanceError, NotApplicable, close, fail, require, run_checks


def check(law, make=object) -> Check:
    return Check("its name", law, make)


def passes(subject) -> None:
    """Nothing is demanded.

    At length.
    """


def raises(error: Exception):
    def law(subject) -> None:
        raise error

    return law


@pytest.mark.parametrize(
    ("law", "verdict", "detail"),
    [
        (passes, "passed", ""),
        (raises(ConformanceError("off by 2")), "failed", "off by 2"),
        (raises(PluginError("broken")), "failed", "broken"),
        (raises(ZeroDivisionError("no good")), "failed", "ZeroDivisionError: no good"),
        (raises(NotApplicable("no layers")), "skipped", "no layers"),
    ],
)
def test_verdicts(law, verdict, detail):
    (outcome,) = run_checks([check(law)])
    assert (outcome.verdict, outcome.detail) == (verdict, detail)


def test_the_next_check_follows_whatever_the_one_before_did():
    outcomes = run_checks([check(raises(RuntimeError("x"))), check(passes), check(passes, lambda: 1 / 0)])
    assert [outcome.verdict for outcome in outcomes] == ["failed", "passed", "failed"]


def test_a_check_says_what_it_demands_and_makes_a_new_subject_each_time():
    made = []
    it = check(passes, lambda: made.append(1))
    it()
    it()
    assert (str(it), it.demand, len(made)) == ("its name", "Nothing is demanded.", 2)


def test_pytest_and_unittest_know_the_errors():
    assert issubclass(ConformanceError, AssertionError)
    assert issubclass(NotApplicable, unittest.SkipTest)
    with pytest.raises(ConformanceError, match=r"^no$"):
        fail("no")
    with pytest.raises(ConformanceError, match=r"^no$"):
        require(0, "no")
    require(1, "no")


def test_tensors_are_compared_relative_to_the_largest_value():
    expected = torch.tensor([1e6, 1.0])
    close(expected + torch.tensor([0.0, 0.005]), expected, "it")
    with pytest.raises(ConformanceError, match=r"it: they differ by 1.0e-06 of the largest value, 1e-08 is allowed"):
        close(expected + torch.tensor([0.0, 1.0]), expected, "it")
    with pytest.raises(ConformanceError, match=r"it: shapes \(2,\) and \(1,\) differ"):
        close(expected, expected[:1], "it")
    with pytest.raises(ConformanceError, match="they differ by nan"):
        close(torch.tensor([float("nan")]), torch.tensor([1.0]), "it")
    close(torch.zeros(0), torch.zeros(0), "it")
