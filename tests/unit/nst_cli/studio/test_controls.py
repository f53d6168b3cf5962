"""Settings of the page and options of a job, there and back; what others install appears by itself."""

from __future__ import annotations

import pytest

from nst_cli.studio.controls import choosers, help_of, options_of, parameter_key, parameters_shown, values_of
from nst_core import make_job


@pytest.fixture
def plain(session):
    """The settings of a page that nobody has touched."""
    values = {"size": 256, "preset": "painterly", "strength": 0.5, "seed": 0, "style_scale": 1.0, "smooth": 0.0}
    for chooser in choosers(session.registry):
        values[chooser.key] = [] if chooser.several else chooser.none
        for entry in chooser.entries:
            values |= {parameter_key(entry, parameter): parameter.default for parameter in parameters_shown(entry)}
    return values


def test_a_page_that_nobody_touched_asks_for_the_default_job(session, plain):
    assert options_of(plain, [0.5], session.registry) == {"size": 256}


def test_what_differs_becomes_an_option(session, plain):
    values = plain | {
        "preset": "tiny-look",
        "strength": 0.7,
        "seed": 3,
        "style_scale": 1.5,
        "smooth": 2.0,
        "color": "match",
        "transform:match:method": "pca",
        "plugins": ["waits", "swd-style"],
        "loss:waits:loud": True,
        "loss:waits:emphasis": 4.0,
        "optimizer": "adam",
        "optimizer:adam:learning_rate": 0.05,
        "init": "noise",
    }
    options = options_of(values, [0.2, 0.8], session.registry)
    assert options == {
        "preset": "tiny-look",
        "size": 256,
        "strength": 0.7,
        "seed": 3,
        "style_scale": [1.5],
        "blend": [0.2, 0.8],
        "color": "match:method=pca",
        "plugins": ["swd-style", "waits:weight=4.0,loud=true", "tv:weight=200.0"],
        "optimizer": "adam:learning_rate=0.05",
        "init": "noise",
    }
    job = make_job("photo.png", ["a.png", "b.png"], session=session, **options, extractor="tiny")
    assert [term.loss for term in job.terms if term.loss in ("waits", "tv")] == ["waits", "tv"]


def test_components_of_others_appear_with_their_parameters_and_their_help(session):
    losses = next(chooser for chooser in choosers(session.registry) if chooser.kind == "loss")
    waits = next(entry for entry in losses.entries if entry.name == "waits")
    shown = [(parameter.name, parameter.type) for parameter in parameters_shown(waits)]
    assert shown == [("emphasis", float), ("amount", float), ("mode", str), ("often", int), ("loud", bool)]
    assert help_of(waits).startswith("Lets a test hold an evaluation")


def test_no_component_that_reads_files_is_offered(session):
    offered = {entry.name for chooser in choosers(session.registry) for entry in chooser.entries}
    assert "noise" in offered
    assert "image" not in offered


def test_the_settings_of_a_recipe_give_its_job_again(session, plain):
    job = make_job(
        "photo.png",
        ["a.png", "b.png"],
        session=session,
        preset="tiny-look",
        size=300,
        strength=0.8,
        seed=5,
        blend=[0.25, 0.75],
        style_scale=1.25,
        color="match:method=cholesky",
        plugins=["tv:weight=300"],
    )
    values = plain | values_of(job, session.registry)
    shares = [values["share_1"], values["share_2"]]
    options = options_of(values, shares, session.registry, job)
    assert make_job("photo.png", ["a.png", "b.png"], session=session, base=job, **options) == job


def test_a_control_at_its_plain_value_is_heeded_over_a_recipe(session, plain):
    job = make_job(
        "photo.png",
        ["a.png", "b.png"],
        session=session,
        preset="tiny-look",
        blend=[2.0, 1.0],
        style_scale=2.0,
        plugins=["tv:weight=300"],
    )
    values = plain | values_of(job, session.registry) | {"style_scale": 1.0, "smooth": 0.0}
    options = options_of(values, [0.5, 0.5], session.registry, job)
    made = make_job("photo.png", ["a.png", "b.png"], session=session, base=job, **options)
    assert made.blend == (0.5, 0.5)
    assert {style.scale for style in made.styles} == {1.0}
    assert "tv" not in [term.loss for term in made.terms]


def test_colours_of_a_recipe_can_be_taken_back(session, plain):
    job = make_job("photo.png", ["a.png"], session=session, preset="tiny-look", color="luminance")
    values = plain | values_of(job, session.registry) | {"color": "style"}
    options = options_of(values, [1.0], session.registry, job)
    assert make_job("photo.png", ["a.png"], session=session, base=job, **options).color is None
