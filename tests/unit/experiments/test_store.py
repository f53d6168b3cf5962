"""Finished cells on disk: one is finished or not, whatever happened."""

from __future__ import annotations

import json
import math

import pytest
import torch

from nst_core import Job, Session, stylize
from nst_core.experiments.store import CHECKPOINT, ResultStore, plain_number

KEY = "0123456789abcdef" * 4


@pytest.fixture
def store(tmp_path) -> ResultStore:
    return ResultStore(tmp_path)


@pytest.fixture
def result(registry):
    images = [torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    return stylize(*images, session=Session(registry), extractor="tiny", steps=1, size=16)


def finished(store: ResultStore, result) -> dict:
    store.begin(KEY)
    store.write_picture(KEY, result)
    return store.finish(KEY, {"total": 0.1, "seconds": None})


def test_a_cell_is_finished_once_it_has_its_figures(store, result):
    assert store.read(KEY) is None
    store.begin(KEY)
    picture = store.write_picture(KEY, result)
    assert store.read(KEY) is None
    record = store.finish(KEY, {"total": 0.1})
    assert store.read(KEY) == record == {"format": 2, "key": KEY, "total": 0.1}
    assert sorted(path.name for path in picture.parent.iterdir()) == ["image.png", "recipe.toml", "result.json"]
    assert Job.from_toml((picture.parent / "recipe.toml").read_text(encoding="utf-8")) == result.job


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "image.png").unlink(),
        lambda folder: (folder / "result.json").write_text("{"),
        lambda folder: (folder / "result.json").write_bytes(b"\xff"),
        lambda folder: (folder / "result.json").write_text("[]"),
        lambda folder: (folder / "result.json").write_text(json.dumps({"format": 0, "key": KEY})),
        lambda folder: (folder / "result.json").write_text(json.dumps({"format": 2, "key": "another"})),
    ],
)
def test_a_damaged_cell_is_not_finished(store, result, damage):
    finished(store, result)
    damage(store.folder(KEY))
    assert store.read(KEY) is None


def test_a_new_attempt_keeps_the_checkpoint_alone(store, result):
    finished(store, result)
    checkpoint = store.checkpoint(KEY)
    checkpoint.write_text("saved")
    (store.folder(KEY) / "left").mkdir()
    assert store.begin(KEY) == store.folder(KEY)
    assert [path.name for path in store.folder(KEY).iterdir()] == [CHECKPOINT]


def test_keys_that_begin_alike_are_told_apart(store, result):
    finished(store, result)
    assert store.read(KEY[:16] + "f" * 48) is None


def test_figures_that_json_does_not_know_are_refused(store):
    store.begin(KEY)
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.finish(KEY, {"total": math.nan})
    assert [plain_number(value) for value in (1.5, math.nan, math.inf, -math.inf)] == [1.5, None, None, None]
