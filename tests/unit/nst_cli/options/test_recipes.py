"""Recipes as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_cli.options.recipes import base_job, check_recipe_target
from nst_core import Job, JobError, Session, make_job


@pytest.fixture
def job(registry, tmp_path, monkeypatch) -> Job:
    """A job, in an empty folder, with its recipe."""
    monkeypatch.chdir(tmp_path)
    job = make_job("photo.png", ["one.png"], session=Session(registry), extractor="tiny", size=16, init="image:a.png")
    Path("r.toml").write_text(job.to_toml(), encoding="utf-8")
    return job


def test_files_that_are_not_found_are_named_with_what_to_do(job, registry):
    assert base_job(None, registry) is None
    with pytest.raises(JobError) as raised:
        base_job(Path("r.toml"), registry)
    assert str(raised.value) == (
        "the recipe 'r.toml' names files that are not found: content image 'photo.png', style image 'one.png', "
        "initial image 'a.png'. Put them into the folder of the recipe or the current folder, or name them on the "
        "command line: CONTENT STYLE, --init image:path=FILE"
    )
    Path("photo.png").touch()
    with pytest.raises(JobError, match=r"not found: style image 'one.png'\. "):
        base_job(Path("r.toml"), registry, replaced={"init"})
    assert base_job(Path("r.toml"), registry, replaced={"styles", "init"}) == job


def test_one_recipe_at_a_time(registry):
    with pytest.raises(JobError, match="give --recipe or --from-image, not both"):
        base_job(Path("a"), registry, from_image=Path("b"))


def test_where_a_recipe_can_be_written_is_checked_first(tmp_path):
    check_recipe_target(tmp_path / "r.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(JobError, match=r"ends in .toml, not '.*r.json'"):
        check_recipe_target(tmp_path / "r.json")
    with pytest.raises(JobError, match=r"'.*folder.toml' is a folder; give the path of a file"):
        check_recipe_target(tmp_path / "folder.toml")
    with pytest.raises(JobError, match=r"the folder '.*none' does not exist"):
        check_recipe_target(tmp_path / "none" / "r.toml")
