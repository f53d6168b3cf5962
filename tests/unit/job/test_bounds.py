"""Within the bounds of a job nothing overflows and nothing runs for ever; beyond them it is refused in one sentence."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from nst_core import Component, Job, JobError, Source, Term
from nst_core.job.bounds import BOUNDS, MAX_ENTRIES, MAX_RECIPE, MAX_TEXT, Bound, check_params, shown

JOB = Job(
    (Term("gram-style", 1e7, ("conv1_2",)),),
    extractor=Component("vgg19"),
    initializer=Component("noise"),
    optimizer=Component("lbfgs"),
    parametrization=Component("pixels"),
    styles=(Source("painting.jpg"),),
)


@pytest.mark.parametrize("name", ["size", "steps", "seed"])
def test_numbers_of_a_job(name):
    bound = BOUNDS[name]
    for value in (bound.least, bound.most):
        assert getattr(replace(JOB, **{name: int(value)}), name) == value
    for value, message in ((bound.least - 1, "at least"), (bound.most + 1, "at most"), (10**23, "at most")):
        with pytest.raises(JobError, match=f"{name} must be {message}"):
            replace(JOB, **{name: int(value)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(JOB, shape=(99_999_999, 10)), "height must be at most 1000000, not 99999999"),
        (lambda: replace(JOB, shape=(10, 99_999_999)), "width must be at most 1000000"),
        (lambda: Source("a", weight=1e31), r"weight of an image must be at most 1e\+30, not 1e\+31"),
        (lambda: Source("a", weight=1e-31), r"weight of an image must be 0 or at least 1e-30"),
        (lambda: Source("a", scale=1e300), "scale of a style image must be at most 1000"),
        (lambda: Source("a", scale=1e-300), "scale of a style image must be at least 0.001"),
        (lambda: Source("a\0b"), "path of an image contains the character NUL.*'a.x00b'"),
        (lambda: Source("a" * 5000), "path of an image must have at most 4096 characters, not 5000"),
        (lambda: Term("gram-style", 1e308), "weight of 'gram-style' must be at most"),
        (lambda: Term("gram-style", 1.0, ("a",), (1e308,)), "a layer weight of 'gram-style' must be at most"),
        (lambda: Term("gram-style", 1.0, ("a\0",)), "a layer of 'gram-style' contains the character NUL"),
        (lambda: Term("x", 1.0, params={"a": 10**20}), "'a' of 'x' must be at most 1000000000, not 1000000000000000"),
        (lambda: Component("lbfgs", {"history": 10**20}), "'history' of 'lbfgs' must be at most 1000000000"),
        (lambda: Component("lbfgs", {"history": -(10**20)}), "'history' of 'lbfgs' must be at least -1000000000"),
        (lambda: Component("lbfgs", {"rate": 1e300}), r"'rate' of 'lbfgs' must be at most 1e\+30"),
        (lambda: Component("lb\0fgs"), "the name of a component contains the character NUL"),
        (lambda: Component("a", {"path": "\0"}), "'path' of 'a' contains the character NUL"),
        (lambda: Component("a", {str(n): n for n in range(2000)}), "at most 1000 parameters of 'a', not 2000"),
        (lambda: replace(JOB, styles=JOB.styles * 1001), "at most 1000 style images, not 1001"),
        (lambda: replace(JOB, terms=JOB.terms * 1001), "at most 1000 losses, not 1001"),
        (lambda: replace(JOB, size=9999, levels=tuple(range(1, 1500))), "at most 1000 levels, not 1499"),
        (lambda: replace(JOB, device="a\0"), "device contains the character NUL"),
    ],
)
def test_values_beyond_the_bounds_are_refused(make, message):
    with pytest.raises(JobError, match=message):
        make()


def test_a_share_may_be_zero_and_parameters_true():
    assert Source("a", weight=0).weight == 0.0
    check_params("x", {"a": True, "b": -1e30, "c": 10**9, "d": "é" * MAX_TEXT})


@pytest.mark.parametrize(
    "recipe",
    [
        "a" + ".a" * 200_000 + " = 1",
        "a" + " . 'a'" * 50_000 + " = 1",
        "[" + '"a"\t.' * 50_000 + "a]",
        "a = [" * 100_000,
        "x" * (MAX_RECIPE + 1),
        "a = {" * 50_000,
        "steps = 0x" + "f" * 100_000,
        "steps = " + "9" * 100_000,
    ],
    ids=range(8),
)
def test_recipes_that_would_take_for_ever_are_refused_at_once(recipe):
    began = time.perf_counter()
    with pytest.raises(JobError) as caught:
        Job.from_toml(recipe)
    assert time.perf_counter() - began < 5
    assert len(str(caught.value)) < 300


def test_long_values_are_cut_in_messages():
    for recipe in ({"schema": [["x" * 9999]]}, {"schema": "x" * 9999}, JOB.to_dict() | {"x" * 9999: 1}):
        with pytest.raises(JobError) as caught:
            Job.from_dict(recipe)
        assert len(str(caught.value)) < 500


def test_lists_are_refused_before_their_entries_are_read():
    recipe = JOB.to_dict() | {"styles": [{"path": 3}] * (MAX_ENTRIES + 1)}
    with pytest.raises(JobError, match="at most 1000 entries of 'styles', not 1001"):
        Job.from_json(json.dumps(recipe))


def test_numbers_of_thousands_of_digits_can_be_named():
    assert shown(1 << 100_000) == "a number with more than 30102 digits"
    with pytest.raises(JobError, match="size must be at most 1000000, not a number with more than"):
        replace(JOB, size=1 << 100_000)


def test_a_value_that_is_no_number_is_outside_of_every_bound():
    with pytest.raises(JobError, match="x must be at least 1, not nan"):
        Bound(1, 2).check("x", float("nan"))
