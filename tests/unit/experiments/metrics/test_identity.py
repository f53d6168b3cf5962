"""One painting as content and as style."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import tiny_registry

from nst_core import Component, JobError, Session, make_job, run, save_image
from nst_core.experiments.metrics import evaluate_image, identity_job, measure_identity

SMALL = {"extractor": "tiny", "size": 32, "precision": "fp32", "device": "cpu"}


@pytest.fixture
def session() -> Session:
    return Session(tiny_registry())


@pytest.fixture
def painting(tmp_path) -> str:
    path = tmp_path / "painting.png"
    save_image(torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(1)), path)
    return str(path)


def test_the_job_has_one_image_in_both_places_and_starts_without_it(session, painting):
    job = identity_job(painting, session, preset="content", steps=7, **SMALL)
    assert job.content is not None
    assert [job.content.path, *(style.path for style in job.styles)] == [painting, painting]
    assert (job.initializer, job.steps) == (Component("noise"), 7)
    terms = make_job(painting, painting, session=session, preset="content", **SMALL).terms
    assert job.terms == terms


def test_a_start_without_an_image_is_kept(session, painting):
    job = identity_job(painting, session, init="noise:kind=uniform,amplitude=0.2", **SMALL)
    assert job.initializer == Component("noise", {"kind": "uniform", "amplitude": 0.2})


@pytest.mark.parametrize("start", ["content", "style", "blend", "image:path=painting.png"])
def test_a_start_made_of_an_image_is_refused_where_it_is_asked_for(session, painting, start):
    with pytest.raises(JobError, match=r"an identity test cannot start from .* such as --init noise"):
        identity_job(painting, session, init=start, **SMALL)


def test_a_recipe_keeps_its_settings_but_for_images_and_start(session, painting):
    base = make_job("a.jpg", ["b.jpg", "c.jpg"], session=session, init="content", steps=9, plugins=["w2-style"])
    job = identity_job(painting, session, base, **SMALL)
    assert (len(job.styles), job.initializer.name, job.steps) == (1, "noise", 9)
    assert "w2-style" in {term.loss for term in job.terms}


def test_the_painting_itself_passes_and_another_picture_does_not(session, painting):
    job = identity_job(painting, session, **SMALL)
    same = measure_identity(painting, job, session=session)
    assert same.rmse == 0
    assert same.ssim == pytest.approx(1, abs=1e-5)
    assert same.pyramid == pytest.approx(0, abs=1e-9)
    grey = measure_identity(torch.full((3, 24, 32), 0.5), job, session=session)
    pixels = session.images.open(painting).at(None).pixels
    assert grey.rmse == pytest.approx(float((pixels - 0.5).square().mean().sqrt()), rel=1e-5)
    assert grey.ssim < 0.2
    assert grey.to_dict()["pyramid"] == pytest.approx(
        evaluate_image(torch.full((3, 24, 32), 0.5), job.extractor, session=session, style=painting).pyramid
    )


def test_more_steps_come_closer(session, painting):
    found = []
    for steps in (1, 60):
        job = identity_job(painting, session, steps=steps, **SMALL)
        found.append(measure_identity(run(job, session=session).image, job, session=session))
    assert found[1].pyramid < found[0].pyramid


def test_a_job_without_a_painting_is_not_measured(session, painting):
    job = replace(identity_job(painting, session, **SMALL), styles=())
    with pytest.raises(JobError, match="needs a job with a style image"):
        measure_identity(painting, job, session=session)
