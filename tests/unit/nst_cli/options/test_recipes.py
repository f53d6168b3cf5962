"""Recipes as files."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch

from nst_cli.options.recipes import base_job, check_recipe_target, write_recipe
from nst_core import Job, JobError, Session, Source, make_job, save_image, stylize


@pytest.fixture
def job(registry, tmp_path, monkeypatch) -> Job:
    """A job, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return make_job("photo.png", ["one.png", "two.png"], session=Session(registry), extractor="tiny", size=16, steps=1)


def test_recipes_are_read_in_toml_and_json(job, tmp_path):
    (tmp_path / "r.toml").write_text(job.to_toml(), encoding="utf-8")
    (tmp_path / "r.JSON").write_text(job.to_json(), encoding="utf-8")
    assert base_job(tmp_path / "r.toml") == base_job(tmp_path / "r.JSON") == job
    assert base_job(None) is None


def test_images_are_looked_up_here_and_then_beside_the_recipe(job, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "r.toml").write_text(job.to_toml(), encoding="utf-8")
    for place in (folder / "one.png", folder / "photo.png", tmp_path / "photo.png"):
        place.write_text("")
    found = base_job(folder / "r.toml")
    paths = [found.content.path, *(style.path for style in found.styles)]
    assert paths == ["photo.png", os.fspath(folder / "one.png"), "two.png"]
    assert replace(found, content=job.content, styles=job.styles) == job


def test_samples_and_images_in_memory_stay_what_they_are(job, tmp_path):
    other = replace(job, content=Source("sample:landscape"), styles=(Source(""),))
    (tmp_path / "r.toml").write_text(other.to_toml(), encoding="utf-8")
    assert base_job(tmp_path / "r.toml") == other


def test_what_cannot_be_read_is_explained(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "none.toml", tmp_path / "bytes.toml", tmp_path):
        with pytest.raises(JobError, match=r"the recipe '.*' cannot be read"):
            base_job(path)
    with pytest.raises(JobError, match="give --recipe or --from-image, not both"):
        base_job(tmp_path / "a", tmp_path / "b")


def test_where_a_recipe_can_be_written_is_checked_first(tmp_path):
    check_recipe_target(tmp_path / "r.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(JobError, match=r"ends in .toml, not '.*r.json'"):
        check_recipe_target(tmp_path / "r.json")
    with pytest.raises(JobError, match=r"'.*folder.toml' is a folder; give the path of a file"):
        check_recipe_target(tmp_path / "folder.toml")
    with pytest.raises(JobError, match=r"the folder '.*none' does not exist"):
        check_recipe_target(tmp_path / "none" / "r.toml")


def test_a_recipe_of_a_result_makes_it_again(job, registry, tmp_path):
    for seed, name in enumerate(("photo.png", "one.png")):
        save_image(torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(seed)), tmp_path / name)
    common = {"session": Session(registry), "extractor": "tiny", "size": 16, "steps": 1}
    result = stylize("photo.png", "one.png", **common)
    write_recipe(result, tmp_path / "r.toml")
    assert base_job(tmp_path / "r.toml") == result.job
    with pytest.raises(JobError, match="the recipe could not be written"):
        write_recipe(result, tmp_path / "none" / "r.toml")
