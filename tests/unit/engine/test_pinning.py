"""The sizes of pastiche and style images, and the levels that a job goes through."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_registry

from nst_core import ImageError, Job, JobError, Session, make_job, plan, preview, run, save_image, synthesize

REGISTRY = tiny_registry()
OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu", "steps": 3}
CONTENT, STYLE = (torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))


@pytest.fixture
def session() -> Session:
    return Session(REGISTRY)


def job_of(session: Session, *images, **options) -> Job:
    return make_job(*images, session=session, **{**OPTIONS, "size": 56, **options})


@pytest.mark.parametrize("shape", [(56, 56), (50, 61), (20, 8), (9, 400)])
def test_a_texture_has_any_size_and_its_recipe_repeats_it(session, shape, monkeypatch):
    """Whatever its levels, and though its sample has a size of its own."""
    monkeypatch.setattr("nst_core.job.schedule.SMALLEST_LEVEL", 30)
    made = synthesize(STYLE, session=session, shape=shape, size=28, **OPTIONS)
    assert made.image.shape[-2:] == shape
    again = run(Job.from_toml(made.job.to_toml()), styles=STYLE, session=session)
    assert torch.equal(again.image, made.image)


def test_the_style_follows_the_picture_and_not_the_size_that_was_asked_for(session):
    """A small photograph looks the same whatever size was asked for."""
    sizes = [56, 70, 300]
    jobs = [job_of(session, CONTENT, STYLE, levels="off", size=size) for size in sizes]
    images = [run(job, content=CONTENT, styles=STYLE, session=session).image for job in jobs]
    assert all(torch.equal(image, images[0]) for image in images)


def test_a_small_style_is_enlarged_where_that_is_asked_for(session):
    small = STYLE[..., :10, :12]
    scaled = [
        session.prepare(
            job_of(session, CONTENT, small, preset="content", style_scale=scale), content=CONTENT, styles=[small]
        )
        for scale in (0.5, 1, 3)
    ]
    weights = [prepared.problem().targets.by_term[1][0]["a"].weight.item() for prepared in scaled]
    assert weights == [5 * 6, 10 * 12, 30 * 36]
    remarks = [[r for r in prepared.remarks if "style image has only 12×10" in r] for prepared in scaled]
    assert [len(found) for found in remarks] == [0, 1, 0]
    assert "--style-scale" in remarks[1][0]


def test_a_style_that_is_enlarged_beyond_all_memory_is_refused_before_it_is(session):
    job = job_of(session, CONTENT, STYLE, style_scale=1000)
    for refuse in (run, plan):
        with pytest.raises(JobError, match=r"a style image of 56000×40000 pixels needs .* Use a smaller --style-scale"):
            refuse(job, content=CONTENT, styles=STYLE, session=session)


@pytest.fixture
def coarse(monkeypatch):
    """Automatic levels begin at 14 pixels rather than at 128, and double."""
    monkeypatch.setattr("nst_core.job.schedule.SMALLEST_LEVEL", 14)
    monkeypatch.setattr("nst_core.job.schedule.LEVEL_RATIO", 2)


def sizes_of(session: Session, **options) -> list[int]:
    content = options.pop("content", CONTENT)
    job = job_of(session, content, STYLE, **options)
    return [level.size for level in session.prepare(job, content=content, styles=[STYLE]).levels]


def test_a_start_from_a_file_keeps_its_detail(session, tmp_path, coarse):
    """Levels below its own size would throw it away; those that were chosen are kept."""
    assert sizes_of(session) == [14, 28, 56]
    for longest, expected in ((56, [56]), (40, [56]), (28, [28, 56]), (9, [14, 28, 56])):
        start = tmp_path / f"{longest}.png"
        save_image(torch.rand(1, 3, longest // 2, longest), start)
        assert sizes_of(session, init=f"image:path={start}") == expected
    assert sizes_of(session, init=f"image:path={tmp_path / '56.png'}", levels="14,56") == [14, 56]


def test_levels_too_small_for_the_network_are_left_out(session, coarse):
    """A panorama has 4 positions in height at its own size, and at half the size fewer than the network needs."""
    panorama = torch.rand(1, 3, 8, 56)
    assert sizes_of(session, content=panorama) == [28, 56]
    run(job_of(session, panorama, STYLE), content=panorama, styles=STYLE, session=session)
    assert sizes_of(session, content=torch.rand(1, 3, 5, 56)) == [56]


@pytest.mark.parametrize("content", [torch.rand(1, 3, 3, 3), torch.rand(1, 3, 2, 56)])
def test_a_plan_refuses_what_a_run_refuses_in_the_same_words(session, content):
    job = job_of(session, content, STYLE)
    found = []
    for refuse in (run, plan, preview):
        with pytest.raises(ImageError, match="pastiche has") as error:
            refuse(job, content=content, styles=STYLE, session=session)
        found.append(str(error.value))
    assert len(set(found)) == 1
