"""Where pictures are compared."""

from __future__ import annotations

import pytest
from tiny import TinyExtractor, plugin, tiny_registry

from nst_core import Component, JobError, Session, make_job
from nst_core.experiments.metrics import layers_for, metric_layers
from nst_core.experiments.metrics.layers import structure_layer

TINY = Component("tiny")


class Undecided(TinyExtractor):
    """Has no layers of its own choice."""

    content_layers = style_layers = ()


@pytest.fixture
def registry():
    return tiny_registry(("undecided", plugin(extractors={"undecided": Undecided})))


def test_layers(registry):
    session = Session(registry)
    assert metric_layers(session, TINY) == ["a", "b", "c"]
    assert metric_layers(session, TINY, ["c", "a"]) == ["a", "c"]
    assert metric_layers(session, Component("undecided"), ["all"]) == ["a", "b", "c"]
    with pytest.raises(JobError, match="the extractor 'tiny' has no layer 'd'; there are: a, b, c"):
        metric_layers(session, TINY, ["a", "d"])
    with pytest.raises(JobError, match="'undecided' has no default layers; name some with --layers"):
        metric_layers(session, Component("undecided"))


def test_layers_of_a_job_whose_extractor_has_no_choice_are_those_of_its_losses(registry):
    session = Session(registry)
    chosen = {"content_layers": ["c"], "style_layers": ["a"]}
    job = make_job("a.jpg", "b.jpg", session=session, extractor="undecided", **chosen)
    assert layers_for(job, session) == ["a", "c"]
    assert layers_for(make_job("a.jpg", "b.jpg", session=session, extractor="tiny", **chosen), session) == [
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize(
    ("layers", "content_layers", "chosen"),
    [
        (["a", "b", "c"], ("b",), "b"),
        (["a", "b", "c"], ("b", "a"), "b"),
        (["a", "c"], ("b",), "c"),
        (["a"], (), "a"),
    ],
)
def test_structure_is_compared_at_the_deepest_content_layer(layers, content_layers, chosen):
    assert structure_layer(layers, content_layers) == chosen
