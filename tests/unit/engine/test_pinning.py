"""The sizes of pastiche and style images, and the levels that a job goes through."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_registry
from torch import Tensor

from nst_core import ImageError, Job, JobError, Session, make_job, plan, preview, run, save_image, synthesize
from nst_core.images import downscale
from nst_core.images.resize import resample

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


def test_a_small_photograph_is_enlarged_where_that_is_asked_for(session):
    """At every level, and the style image with it."""
    options = {"preset": "content", "levels": "28,84,112", "steps": 2}

    def made(**more):
        job = job_of(session, CONTENT, STYLE, **{**options, **more, "size": 112})
        return run(job, content=CONTENT, styles=STYLE, session=session)

    large = made(enlarge=True)
    assert large.image.shape[-2:] == (80, 112)
    assert [level.size for level in large.levels] == [28, 84, 112]
    first = session.prepare(large.job, content=CONTENT, styles=[STYLE]).problem(2).variable
    assert torch.equal(first, resample(CONTENT, (80, 112)))
    assert any("content image has only 56×40 pixels; it is enlarged to 112" in remark for remark in large.remarks)
    assert Job.from_toml(large.job.to_toml()) == large.job
    again = run(large.job, content=CONTENT, styles=STYLE, session=session)
    assert torch.equal(again.image, large.image)
    assert made().image.shape[-2:] == (40, 56)
    back = make_job(base=large.job, session=session, enlarge=False)
    assert session.prepare(back, content=CONTENT, styles=[STYLE]).size == (40, 56)


def style_positions(session: Session, style: Tensor, content: Tensor | None = CONTENT, **options):
    """Return how many pixels of the style image count, and the remarks about it."""
    job = job_of(session, content, style, **{"preset": "content", **options})
    prepared = session.prepare(job, content=content, styles=[style])
    targets = prepared.problem().targets.by_term[-1][0]
    return targets["a"].weight.item(), [r for r in prepared.remarks if "style image" in r]


@pytest.mark.parametrize(("scale", "side"), [(0.25, 14), (0.5, 28), (1, 56), (3, 168)])
def test_the_size_of_the_style_s_file_does_not_matter(session, scale, side):
    for own in (28, 56, 112):
        positions, remarks = style_positions(session, torch.rand(1, 3, own, own), style_scale=scale)
        assert positions == side * side
        enlarged = [f"only {own}×{own} pixels and is enlarged to {side}×{side}; a larger file would give finer strokes"]
        assert [said.removeprefix("the style image has ") for said in remarks] == (enlarged if own < side else [])


def test_every_style_has_its_own_scale(session):
    styles = [torch.rand(1, 3, 20, 20), torch.rand(1, 3, 90, 90)]
    job = job_of(session, CONTENT, styles, style_scale=[1, 2])
    prepared = session.prepare(job, content=CONTENT, styles=styles)
    assert prepared.images.style_shapes(prepared.job, 56) == [(56, 56), (112, 112)]


def test_a_painting_looks_the_same_from_a_small_file(session):
    """Up to what the small file does not hold: far less than another painting, or strokes of another size, change."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 224), torch.linspace(0, 1, 224), indexing="ij")
    waves = torch.stack([torch.sin(20 * x + 9 * y), torch.cos(26 * y), torch.sin(15 * (x - y))])
    large = 0.5 + 0.4 * waves[None]
    small = downscale(large, 42)
    settings = {"preset": "content", "steps": 40, "levels": "28,56"}

    def painted(style: Tensor, **options) -> Tensor:
        job = job_of(session, CONTENT, style, **settings, **options)
        return run(job, content=CONTENT, styles=style, session=session).image

    image = painted(large)
    difference, other = ((painted(small, **o) - image).square().mean().sqrt() for o in ({}, {"style_scale": 0.75}))
    assert difference < 0.3 * other


def test_the_sample_of_a_texture_is_enlarged_only_where_that_is_asked_for(session):
    small = STYLE[..., :10, :12]
    options = {"content": None, "preset": "noise", "without": ["mse-content"]}
    found = [style_positions(session, small, **options, style_scale=scale) for scale in (0.5, 1, 3)]
    assert [positions for positions, _ in found] == [5 * 6, 10 * 12, 30 * 36]
    assert [len(remarks) for _, remarks in found] == [0, 1, 1]
    assert "used at that size, not enlarged to 56, which --style-scale 4.7 would do" in found[1][1][0]
    assert "only 12×10 pixels and is enlarged to 36×30" in found[2][1][0]


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
