"""The jobs of the study."""

from __future__ import annotations

import pytest
from tiny import TinyExtractor, plugin, tiny_registry

from nst_core import JobError, Preset, Session, make_job
from nst_core.experiments.study import reconstruction_job, study_sheets, texture_job

OPTIONS = {"extractor": "tiny", "steps": 3, "size": 16}


@pytest.fixture
def session(registry) -> Session:
    return Session(registry)


def test_a_reconstruction_has_the_content_loss_alone_and_starts_from_noise(session):
    job = reconstruction_job("photo.jpg", ["b"], session, **OPTIONS)
    assert [(term.loss, term.layers) for term in job.terms] == [("mse-content", ("b",))]
    assert (job.styles, job.content.path, job.initializer.name) == ((), "photo.jpg", "noise")


def test_a_texture_has_the_style_loss_alone_and_any_shape(session):
    job = texture_job(["one.jpg", "two.jpg"], ["a"], session, shape=(20, 30), **OPTIONS)
    assert [(term.loss, term.layers) for term in job.terms] == [("w2-style", ("a",))]
    assert (job.content, job.shape, job.initializer.name) == (None, (20, 30), "noise")
    assert [style.path for style in job.styles] == ["one.jpg", "two.jpg"]
    again = texture_job("three.jpg", [], session, base=job)
    assert (again.shape, again.terms) == ((20, 30), job.terms)


def test_the_start_of_a_recipe_stays_unless_it_needs_an_image_that_is_not_there(session):
    painted = make_job("photo.jpg", "style.jpg", session=session, init="content", **OPTIONS)
    assert reconstruction_job("photo.jpg", ["b"], session, base=painted).initializer.name == "noise"
    own = make_job("photo.jpg", "style.jpg", session=session, init="noise:amplitude=0.2", **OPTIONS)
    assert reconstruction_job("photo.jpg", ["b"], session, base=own).initializer == own.initializer


def test_the_sheets_are_of_every_block_preset_and_pair(session):
    sheets = study_sheets(["p.jpg", "q.jpg"], ["s.jpg", "t.jpg"], session, OPTIONS)
    by_title = {sheet.title: sheet for sheet in sheets}
    assert len(by_title) == len(sheets)
    assert by_title["1. Reconstruction from each block"].columns == ["a", "b", "c"]
    assert by_title["2. Texture from b, two seeds"].columns == ["0", "1"]
    for preset in ("content", "noise"):
        grid = by_title[f"3. Grid, starting from {preset}"]
        assert (grid.rows, grid.columns) == (["p", "q"], ["s", "t"])
        assert {cell.job.initializer.name for cell in grid.cells} == {preset}
    assert all(cell.job.steps == 3 and cell.job.size == 16 for sheet in sheets for cell in sheet.cells)
    names = [cell.name for sheet in sheets for cell in sheet.cells]
    assert len({*names}) == len(names)
    assert {"reconstruction-a", "texture-b-seed=1", "α-100-from-noise", "grid-from-content-q-s", "start-from-noise"} < {
        *names
    }
    keys = [cell.job.digest() for sheet in sheets for cell in sheet.cells]
    assert len({*keys}) < len(keys)  # some cells are the same picture, which is made once


def test_a_preset_of_a_third_party_takes_part_where_it_says_so():
    class Mine(Preset):
        losses = {"mse-content": 1.0, "gram-style": 1.0}  # noqa: RUF012
        initializer, optimizer, extractor, parametrization = "noise", "adam", "tiny", "pixels"
        studied = True

    session = Session(tiny_registry(("mine", plugin(presets={"mine": Mine}))))
    (start,) = [s for s in study_sheets(["p"], ["s"], session, OPTIONS) if s.title.startswith("3. Start")]
    assert start.columns == ["content", "noise", "mine"]


def test_without_images_or_layers_there_is_no_study(session):
    with pytest.raises(JobError, match="needs at least one content and one style image"):
        study_sheets([], ["s"], session, OPTIONS)

    class Undecided(TinyExtractor):
        content_layers = style_layers = ()

    other = Session(tiny_registry(("other", plugin(extractors={"undecided": Undecided}))))
    with pytest.raises(JobError, match="and 'undecided' has none; choose layers with nst reconstruct"):
        study_sheets(["p"], ["s"], other, {**OPTIONS, "extractor": "undecided"})
