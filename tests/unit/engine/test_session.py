"""A session: images that are read once, jobs that are pinned, and keys that say which jobs are the same."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import tiny_registry

from nst_core import (
    ImageError,
    Job,
    JobError,
    Resources,
    Session,
    WeightsError,
    load_image,
    make_job,
    plan,
    preview,
    run,
    save_image,
    synthesize,
)
from nst_core.experiments.batch import prepare

REGISTRY = tiny_registry()
OPTIONS = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu", "steps": 3}
CONTENT, STYLE = (torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))


@pytest.fixture
def session() -> Session:
    return Session(REGISTRY)


@pytest.fixture
def files(tmp_path) -> tuple[str, str]:
    save_image(CONTENT, tmp_path / "content.png")
    save_image(STYLE, tmp_path / "style.png")
    return str(tmp_path / "content.png"), str(tmp_path / "style.png")


@pytest.fixture
def work(monkeypatch) -> Counter:
    """What was done with every image: how often its bytes were read, hashed and decoded, by path or content."""
    counts: Counter = Counter()
    by_content: dict[bytes, str] = {}
    sha256 = hashlib.sha256

    def reading(read):
        def counted(path, role):
            data = read(path, role)
            counts["read", str(path)] += 1
            by_content[data] = str(path)
            return data

        return counted

    def decoding(decode):
        def counted(data, path, role):
            counts["decoded", path] += 1
            return decode(data, path, role)

        return counted

    def hashing(data=b"", **more):
        path = by_content.get(bytes(data))
        if path is not None:
            counts["hashed", path] += 1
        return sha256(data, **more)

    from nst_core.images import read, store

    monkeypatch.setattr(store, "read_bytes", reading(store.read_bytes))
    monkeypatch.setattr(read, "read_bytes", reading(read.read_bytes))
    monkeypatch.setattr(read, "decode_full_depth", decoding(read.decode_full_depth))
    monkeypatch.setattr(hashlib, "sha256", hashing)
    return counts


def job_of(session: Session, *images, **options) -> Job:
    return make_job(*images, session=session, **{**OPTIONS, "size": 56, **options})


def once(*paths: str, of: tuple[str, ...] = ("read", "hashed", "decoded")) -> dict[tuple[str, str], int]:
    return {(what, path): 1 for path in paths for what in of}


# What is read


def test_a_run_of_three_levels_reads_hashes_and_decodes_every_file_once(session, files, work, tmp_path):
    start = shutil.copy(files[1], tmp_path / "start.png")
    job = job_of(session, *files, levels="20,30,56", init=f"image:path={start}")
    Path(start).write_bytes(Path(start).read_bytes() + b"\0")  # unlike the style image
    result = run(job, session=session)
    assert [level.size for level in result.levels] == [20, 30, 56]
    assert work == once(*files, str(start))


def test_two_jobs_of_a_session_share_their_images(session, files, work):
    first = run(job_of(session, *files), session=session)
    second = run(job_of(session, *files, style_weight=3, size=40), session=session)
    assert first.image.shape != second.image.shape
    assert work == once(*files)


def test_a_file_that_is_both_content_and_style_is_read_once(session, files, work):
    run(job_of(session, files[0], files[0]), session=session)
    assert work == once(files[0])


def test_pinning_decodes_nothing(session, files, work):
    pinned = session.pin(job_of(session, *files))
    assert pinned.styles[0].sha256 == hashlib.sha256(Path(files[1]).read_bytes()).hexdigest()
    assert {what for what, _ in work} == {"read", "hashed"}


def test_a_batch_looks_at_its_jobs_without_decoding(session, files, work, tmp_path):
    jobs = [job_of(session, *files, steps=steps) for steps in (1, 2, 3)]
    assert [cell.status for cell in prepare(jobs, tmp_path / "cells", session)] == ["missing"] * 3
    assert work == once(*files, of=("read", "hashed"))
    run(jobs[0], session=session)
    assert work == once(*files)


def test_images_in_memory_are_looked_at_once_for_all_levels(session, monkeypatch):
    from nst_core.images import store

    seen: list[str] = []
    decode = store.decode
    monkeypatch.setattr(store, "decode", lambda source, role: seen.append(role) or decode(source, role))
    job = job_of(session, CONTENT, STYLE, levels="20,30,56")
    assert len(run(job, content=CONTENT, styles=STYLE, session=session).levels) == 3
    assert seen == ["content image", "style image"]


def test_a_file_that_changed_is_read_again(session, files):
    before = run(job_of(session, *files), session=session)
    save_image(STYLE.flip(3), files[1])
    after = run(job_of(session, *files), session=session)
    fresh = run(job_of(session, *files), session=Session(REGISTRY))
    assert after.job.styles[0].sha256 != before.job.styles[0].sha256
    assert torch.equal(after.image, fresh.image)
    assert not torch.equal(after.image, before.image)


# What is passed beside a job


def test_an_image_the_job_has_no_place_for_is_refused(session):
    texture = job_of(session, None, STYLE, without=["mse-content"], preset="noise")
    with pytest.raises(JobError, match="a content image was passed, but the job has none"):
        session.prepare(texture, content=CONTENT, styles=[STYLE])


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_styles_must_be_that_of_the_job(session, count):
    job = job_of(session, CONTENT, [STYLE, STYLE.flip(2)])
    with pytest.raises(JobError, match=f"the job has 2 style images, but {count} were passed"):
        session.prepare(job, content=CONTENT, styles=[STYLE] * count)


@pytest.mark.parametrize("other", [STYLE, Image.new("RGB", (30, 20)), "elsewhere.png", Path("elsewhere.png")])
def test_an_image_that_contradicts_its_path_is_refused(session, files, other):
    job = job_of(session, *files)
    with pytest.raises(JobError, match=r"the job's content image is '.*content.png', but another one was passed"):
        session.prepare(job, content=other)
    with pytest.raises(JobError, match=r"the job's style image is '.*style.png', but another one was passed"):
        session.prepare(job, styles=[other])


@pytest.mark.parametrize("kind", [str, Path])
def test_the_image_that_the_job_names_anyway_may_be_passed(session, files, kind):
    job = job_of(session, *files)
    expected = session.prepare(job).job
    assert session.prepare(job, content=kind(files[0]), styles=[kind(files[1])]).job == expected


def test_another_image_in_memory_than_a_recipe_was_made_with_is_refused(session):
    recipe = session.prepare(job_of(session, CONTENT, STYLE), content=CONTENT, styles=[STYLE]).job
    assert session.prepare(recipe, content=CONTENT, styles=[STYLE]).job == recipe
    with pytest.raises(ImageError, match=r"the style image that was passed is not the one .* pass the right one"):
        session.prepare(recipe, content=CONTENT, styles=[CONTENT])


# What is pinned


def test_everything_open_is_pinned(session, files, tmp_path):
    start = tmp_path / "start.png"
    save_image(STYLE, start)
    job = make_job(*files, session=session, steps=3, size=56, levels="auto", init=f"image:path={start}")
    assert (job.extractor.name, job.precision, job.levels) == ("auto", "auto", None)
    prepared = session.prepare(job, resources=Resources(tile="off"))
    hashed = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (*files, start)]
    pinned = prepared.job
    assert [pinned.content.sha256, pinned.styles[0].sha256, pinned.initializer.params["path_sha256"]] == hashed
    assert pinned.extractor.name == "vgg19"
    assert pinned.weights_sha256 == session.cache.extractor(REGISTRY, pinned.extractor).fingerprint() != ""
    assert pinned.precision in ("fp32", "bf16")
    assert pinned.levels == ()
    assert prepared.size == (40, 56)
    assert session.prepare(pinned).job == pinned


def test_levels_are_pinned_as_they_are_made(session, tmp_path):
    save_image(torch.rand(1, 3, 64, 800, generator=torch.Generator().manual_seed(0)), tmp_path / "wide.png")
    job = job_of(session, str(tmp_path / "wide.png"), str(tmp_path / "wide.png"), size=900, levels="auto")
    prepared = session.prepare(job)
    assert [level.size for level in prepared.levels] == [141, 200, 283, 400, 566, 800]
    assert prepared.job.levels == (141, 200, 283, 400, 566)


def test_a_recipe_whose_initial_image_changed_is_refused(session, files, tmp_path):
    start = tmp_path / "start.png"
    save_image(STYLE, start)
    recipe = session.prepare(job_of(session, *files, init=f"image:path={start}")).job
    save_image(CONTENT, start)
    for refuse in (session.prepare, session.pin):
        with pytest.raises(JobError, match=r"initial image '.*start.png' is not the one the recipe was made with"):
            refuse(recipe)


def test_a_recipe_of_other_weights_is_refused_without_looking_at_an_image(session, files, work):
    with pytest.raises(WeightsError, match="made with other weights"):
        session.pin(replace(job_of(session, *files), weights_sha256="ab" * 32))
    assert not work


# What a job would do


def test_preview_and_plan_work_with_images_in_memory(session, monkeypatch):
    monkeypatch.setattr("nst_core.engine.session.PREVIEW_SIZE", 30)
    job = job_of(session, CONTENT, STYLE, levels="20,56")
    small = preview(job, content=CONTENT, styles=STYLE, session=session)
    assert (small.size, small.levels, small.steps) == (20, (), 3)
    assert run(small, content=CONTENT, styles=STYLE, session=session).image.shape == (1, 3, 14, 20)
    found = plan(job, content=CONTENT, styles=STYLE, session=session)
    assert [(level.height, level.width) for level in found.levels] == [(14, 20), (40, 56)]


def test_the_size_of_a_texture_is_its_own_or_that_of_its_first_style(session, files):
    texture = job_of(session, None, list(files), without=["mse-content"], preset="noise", size=28, style_scale=0.5)
    assert session.schedule(texture)[1] == (10, 14)
    assert session.schedule(replace(texture, shape=(8, 12)))[1] == (8, 12)
    made = synthesize(list(files), session=session, size=28, **OPTIONS)
    assert made.image.shape[-2:] == session.prepare(made.job).size == (20, 28)


# Keys


def key_of(*images: str, session: Session | None = None, **options) -> str:
    session = session or Session(REGISTRY)
    return session.key(session.pin(job_of(session, *images, **options)))


def test_moved_images_have_the_same_key(files, tmp_path):
    start = shutil.copy(files[0], tmp_path / "start.png")
    before = key_of(*files, init=f"image:path={start}")
    (tmp_path / "moved").mkdir()
    content, style, moved = (shutil.move(path, tmp_path / "moved") for path in (*files, start))
    assert key_of(content, style, init=f"image:path={moved}") == before


@pytest.mark.parametrize("which", ["content.png", "style.png", "start.png"])
def test_a_changed_image_has_another_key(session, files, tmp_path, which):
    shutil.copy(files[0], tmp_path / "start.png")
    options = {"init": f"image:path={tmp_path / 'start.png'}", "session": session}
    before = key_of(*files, **options)
    assert key_of(*files, **options) == before
    save_image(CONTENT.flip(3), tmp_path / which)
    assert key_of(*files, **options) != before


def test_the_key_is_of_the_device_type_and_not_of_its_number(session, files, monkeypatch):
    pinned = session.pin(job_of(session, *files))
    keys = {name: session.key(replace(pinned, device=name)) for name in ("auto", "cpu")}
    assert keys["auto"] == keys["cpu"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    keys |= {name: session.key(replace(pinned, device=name)) for name in ("cuda", "cuda:1")}
    assert keys["cuda"] == keys["cuda:1"] != keys["cpu"]


@pytest.mark.parametrize(
    "options", [{"seed": 1}, {"steps": 4}, {"style_weight": 3}, {"precision": "bf16"}, {"size": 40}]
)
def test_what_changes_the_pixels_changes_the_key(session, files, options):
    assert key_of(*files, session=session, **options) != key_of(*files, session=session)


def test_the_pinned_job_is_the_one_that_runs(session, files):
    job = job_of(session, *files, levels="28,56", init="noise", seed=3)
    pinned = session.pin(job)
    direct, later = run(job, session=Session(REGISTRY)), run(pinned, session=session)
    assert torch.equal(direct.image, later.image)
    assert replace(later.job, device=job.device) == direct.job
    assert session.key(later.job) == session.key(pinned)


def test_a_job_of_images_in_memory_has_no_key(session):
    with pytest.raises(JobError, match="style image of this job is only in memory"):
        session.pin(replace(job_of(session, None, STYLE, without=["mse-content"], preset="noise")))


def test_the_pixels_do_not_depend_on_what_the_session_did_before(files):
    """Style statistics are cached; those that were added up in tiles are rounded otherwise than those that were not."""
    big = torch.rand(1, 3, 90, 110, generator=torch.Generator().manual_seed(4))
    save_image(big, files[1])
    session = Session(REGISTRY)
    job = job_of(session, *files, size=110, content_weight=0)
    alone = run(job, session=Session(REGISTRY), resources=Resources(tile=50))
    run(job, session=session, resources=Resources(tile="off"))
    assert torch.equal(run(job, session=session, resources=Resources(tile=50)).image, alone.image)
    assert load_image(files[1]).pixels.shape == big.shape
