"""Jobs as values: written down and read back exactly, and bad recipes explained."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core import Component, Job, JobError, Source, Term

finite = st.floats(min_value=1e-300, max_value=1e300)
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
params = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), text),
    max_size=3,
)
layers = st.lists(st.sampled_from(["conv1_1", "relu2_1", "pool3"]), unique=True, max_size=3).map(tuple)
terms = st.builds(Term, loss=st.just("gram-style"), weight=finite, layers=layers, params=params)
components = st.builds(Component, text, params)
jobs = st.builds(
    Job,
    terms=st.lists(terms, min_size=1, max_size=3).map(tuple),
    content=st.one_of(st.none(), st.builds(Source, text, text)),
    styles=st.lists(st.builds(Source, text, text, weight=finite, scale=finite), max_size=3).map(tuple),
    size=st.integers(1, 10**6),
    shape=st.one_of(st.none(), st.tuples(st.integers(1, 9999), st.integers(1, 9999))),
    extractor=components,
    initializer=components,
    optimizer=components,
    parametrization=components,
    steps=st.integers(1, 10**6),
    seed=st.integers(0, 2**63 - 1),
    precision=st.sampled_from(["auto", "fp32", "bf16"]),
)
JOB = Job(
    (Term("gram-style", 1e7, ("conv1_2", "conv2_2")),),
    extractor=Component("vgg19"),
    initializer=Component("noise"),
    optimizer=Component("lbfgs"),
    parametrization=Component("pixels"),
    styles=(Source("painting.jpg"),),
)


@settings(deadline=None)
@given(jobs)
def test_toml_and_json_are_exact(job):
    assert Job.from_toml(job.to_toml()) == job
    assert Job.from_json(job.to_json()) == job
    assert Job.from_json(job.to_json()).digest() == job.digest()


@pytest.mark.parametrize("path", ["caf\udce9.jpg", "\\\udcff\udc80", "a\\udce9.jpg", "\\\\udce9\udce9"])
def test_names_of_files_that_are_not_utf8(path):
    """They come back, and a text that looks like their escape stays what it is."""
    job = replace(JOB, styles=(Source(path),))
    for text, read in ((job.to_toml(), Job.from_toml), (job.to_json(), Job.from_json)):
        assert read(text.encode().decode()) == job


def test_digest_tells_jobs_apart():
    assert JOB.digest() != replace(JOB, seed=1).digest()
    assert JOB.digest() == Job.from_toml(JOB.to_toml()).digest()


def test_a_job_cannot_be_changed():
    with pytest.raises(AttributeError):
        JOB.size = 3
    with pytest.raises(TypeError):
        JOB.extractor.params["pooling"] = "average"


def changed(**changes) -> str:
    return json.dumps(JOB.to_dict() | changes)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (changed(sise=3), r"unknown key 'sise'; did you mean 'size'"),
        (changed(size="large"), r"'size' must be a whole number, not 'large'"),
        (changed(size=1.5), r"'size' must be a whole number, not 1.5"),
        (changed(size=True), r"'size' must be a whole number, not True"),
        (changed(size=0), r"size must be at least 1, not 0"),
        (changed(steps=-1), r"steps must be at least 1"),
        (changed(seed=2**63), r"seed must be less than"),
        (changed(styles="painting.jpg"), r"'styles' must be a list"),
        (changed(styles=[{"pth": "a"}]), r"unknown key 'styles\[0\].pth'; did you mean 'styles\[0\].path'"),
        (changed(terms=[]), r"at least one loss"),
        (changed(terms={"loss": "x"}), r"'terms' must be a list"),
        (changed(terms=[{"loss": "x"}]), r"'terms\[0\].weight' is missing"),
        (changed(terms=[{"loss": "x", "weight": -1.0}]), r"weight of 'x' must be positive"),
        (changed(terms=[{"loss": "x", "weight": 1e400}]), r"'terms\[0\].weight' must be a number"),
        (changed(terms=[{"loss": "x", "weight": 1, "layers": ["a"], "layer_weights": [1, 2]}]), r"1 layers but 2"),
        (changed(terms=[{"loss": "x", "weight": 1, "layers": ["a", "a"]}]), r"names a layer twice"),
        (changed(shape=[3]), r"'shape' must have 2 entries"),
        (changed(precision="fp8"), r"precision.*fp8"),
        (changed(extractor={"name": "v", "params": {"a": [1]}}), r"'extractor.params.a' must be"),
        ("[]", r"must be a table"),
        ("{", r"not valid JSON"),
    ],
)
def test_bad_recipes_name_the_key(recipe, message):
    with pytest.raises(JobError, match=message):
        Job.from_json(recipe)


def test_bad_toml_says_where():
    with pytest.raises(JobError, match=r"not valid TOML.*line 2"):
        Job.from_toml("size = 3\nsteps == 4\n")


def test_whole_numbers_do_for_numbers():
    assert Job.from_json(changed(styles=[{"scale": 2}])).styles[0].scale == 2.0
