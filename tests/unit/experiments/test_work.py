"""What workers do: a cell wherever they are, with or without the driver's files."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nst_core import Component, Job, Session, Task, load_image, make_job, read_recipe, save_image
from nst_core.engine.checkpoint import Checkpoint
from nst_core.experiments import work as module
from nst_core.experiments.store import ResultStore
from nst_core.experiments.work import CellWork, files_of


@pytest.fixture
def session(registry, tmp_path, monkeypatch) -> Session:
    monkeypatch.setattr(module, "user_cache_path", lambda _: tmp_path / "cache")
    module._own_folder.cache_clear()
    yield Session(registry)
    module._own_folder.cache_clear()


@pytest.fixture
def task(session, tmp_path) -> Task:
    for seed, name in enumerate(("photo", "painting", "mask")):
        save_image(torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(seed)), tmp_path / f"{name}.png")
    options = {"preset": "content", "extractor": "tiny", "steps": 6, "size": 80, "precision": "fp32", "device": "cpu"}
    images = tmp_path / "photo.png", tmp_path / "painting.png"
    job = session.pin(make_job(*images, session=session, keep=tmp_path / "mask.png", **options))
    return Task(session.key(job), job, files=files_of(job))


def pixels(path) -> torch.Tensor:
    return load_image(path).pixels


def test_a_cell_has_what_was_decided_elsewhere(session, task, tmp_path):
    decided = replace(task, optimizer=Component("lbfgs", {"history": 3}), max_pixels=52 * 52, remark="in tiles")
    finished = CellWork(tmp_path / "out", session=session)(decided)
    assert finished.error == ""
    store = ResultStore(tmp_path / "out")
    assert dict(finished.record) == store.read(task.key)
    assert finished.record["remarks"] == ["in tiles"]
    assert finished.record["job"]["optimizer"]["params"]["history"] == 3
    whole = CellWork(tmp_path / "whole", session=session)(replace(decided, max_pixels=None))
    assert finished.record["history"] == pytest.approx(whole.record["history"], rel=1e-3)


def test_what_goes_wrong_is_in_the_result(session, task, tmp_path):
    lost = replace(task, job=replace(task.job, content=replace(task.job.content, path=str(tmp_path / "gone.png"))))
    finished = CellWork(tmp_path / "out", session=session)(lost)
    assert "gone.png" in finished.error
    assert not finished.record


def test_one_that_is_not_wanted_any_more_is_continued_later(session, task, tmp_path):
    work, seen = CellWork(tmp_path / "out", session=session), []

    def watch(number: int, steps: int) -> bool:
        seen.append((number, steps))
        return number < 3

    assert work(task, watch).stopped
    assert seen == [(1, 6), (2, 6), (3, 6)]
    finished = work(task, lambda *step: seen.append(step))
    assert seen[3:] == [(4, 6), (5, 6), (6, 6)]
    assert finished.record["history"] == CellWork(tmp_path / "whole", session=session)(task).record["history"]


def test_it_waits_for_a_worker_that_is_about_to_end(session, task, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    path = ResultStore(tmp_path / "out").checkpoint(task.key)
    path.parent.mkdir(parents=True)
    work = CellWork(tmp_path / "out", session=session)
    with Checkpoint(path, disposable=True).claimed():
        assert "another nst is writing the checkpoint" in work(task).error
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    assert work(task).error == ""


def test_a_cell_that_is_there_is_not_made_again(session, task, tmp_path):
    """The worker that made it died before it could say so."""
    work, seen = CellWork(tmp_path / "out", session=session), []
    first = work(task)
    again = work(task, lambda *step: seen.append(step))
    assert (dict(again.record), seen) == (dict(first.record), [])


def test_nobody_else_writes_a_cell_that_is_being_measured(session, task, tmp_path, monkeypatch):
    """Until its figures are there: another worker with the same task waits."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    work, refused, measure = CellWork(tmp_path / "out", session=session), [], module.evaluate_image

    def measured(*given, **more):
        refused.append(CellWork(tmp_path / "out", session=session)(task).error)
        return measure(*given, **more)

    monkeypatch.setattr(module, "evaluate_image", measured)
    assert work(task).error == ""
    assert ["another nst is writing the checkpoint" in error for error in refused] == [True]


def test_a_run_goes_on_though_the_plan_has_less_memory_now(session, task, tmp_path):
    work, seen = CellWork(tmp_path / "out", session=session), []
    assert work(task, lambda number, _: number < 3).stopped
    tight = replace(task, optimizer=Component("lbfgs", {**task.job.optimizer.params, "history": 5}))
    assert work(tight, lambda number, _: seen.append(number)).error == ""
    assert seen == [4, 5, 6]


def test_files_travel_by_their_content(session, task, tmp_path):
    contents = {sha256: Path(path).read_bytes() for path, sha256 in task.files}
    assert len(contents) == 3
    expected = CellWork(tmp_path / "out", session=session)(task)
    for path, _ in task.files:
        Path(path).unlink()
    asked: list[str] = []
    work = CellWork(tmp_path / "elsewhere", session=session)
    finished = work(task, read=lambda sha256: asked.append(sha256) or contents[sha256])
    assert finished.error == ""
    assert sorted(asked) == sorted(contents)
    assert not (tmp_path / "elsewhere").exists()
    assert list((tmp_path / "cache").rglob("workers/*")) == []
    assert finished.record["history"] == expected.record["history"]
    assert finished.record["job"] == expected.record["job"]  # with the driver's paths

    taken = ResultStore(tmp_path / "taken")
    taken.take(task.key, finished.files)
    assert taken.read(task.key) == json.loads(json.dumps(dict(finished.record)))
    first, second = (ResultStore(tmp_path / name).folder(task.key) for name in ("out", "taken"))
    assert sorted(path.name for path in second.iterdir()) == sorted(path.name for path in first.iterdir())
    assert torch.equal(pixels(first / "image.png"), pixels(second / "image.png"))
    assert (first / "recipe.toml").read_text() == (second / "recipe.toml").read_text()
    names = Job.from_toml(read_recipe(second / "image.png"))
    assert (names.content.path, names.styles[0].path, names.keep.path) == ("photo.png", "painting.png", "mask.png")


def test_a_painting_is_sent_once_for_several_tasks(session, task, tmp_path):
    contents = {sha256: Path(path).read_bytes() for path, sha256 in task.files}
    other = session.pin(replace(task.job, keep=None, seed=1))
    asked: list[str] = []
    work = CellWork(tmp_path / "elsewhere", session=session)
    for one in (task, Task(session.key(other), other, files=files_of(other)), task):
        assert work(one, read=lambda sha256: asked.append(sha256) or contents[sha256]).error == ""
    masks = [sha256 for path, sha256 in task.files if path.endswith("mask.png")]
    assert len(asked) == 4
    assert [asked.count(sha256) for sha256 in masks] == [2]  # what the second did not need was thrown away


def test_a_cell_that_was_stopped_elsewhere_is_continued_there(session, task, tmp_path):
    contents = {sha256: Path(path).read_bytes() for path, sha256 in task.files}
    work, seen = CellWork(tmp_path / "elsewhere", session=session), []
    assert work(task, lambda number, _: number < 3, contents.__getitem__).stopped
    assert work(task, lambda number, _: seen.append(number), contents.__getitem__).error == ""
    assert seen == [4, 5, 6]


def test_it_travels_without_its_session(session, tmp_path):
    work = CellWork(tmp_path, threads=2, extractors=((Component("tiny"), "0" * 64),), session=session)
    there = pickle.loads(pickle.dumps(work))  # noqa: S301
    assert there == work
    assert (there.session, there.extractors, there.threads) == (None, work.extractors, 2)


def test_a_process_must_have_the_same_versions_and_weights(session, tmp_path):
    assert CellWork(tmp_path, session=session).check() == ""
    old = CellWork(tmp_path, versions={"nst": "0.0.1", "torch": torch.__version__}, session=session)
    assert "instead of 0.0.1; install the versions that this machine has" in old.check()
    assert "torch" not in old.check()
    fingerprint = session.cache.extractor(session.registry, Component("tiny")).fingerprint()
    assert CellWork(tmp_path, extractors=((Component("tiny"), fingerprint),), session=session).check() == ""
    other = CellWork(tmp_path, extractors=((Component("tiny"), "f" * 64),), session=session)
    assert "its weights of 'tiny' are others" in other.check()
    unknown = CellWork(tmp_path, extractors=((Component("none-such"), "f" * 64),), session=session)
    assert "it cannot load the network 'none-such'" in unknown.check()


def test_a_worker_must_see_the_folder_of_the_driver(task, tmp_path):
    finished = CellWork(tmp_path / "out", place=tmp_path / "nowhere")(task)
    assert f"a worker does not see the folder '{tmp_path / 'nowhere'}'" in finished.error
