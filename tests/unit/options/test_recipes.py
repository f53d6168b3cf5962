"""Reading recipes, and finding on this machine what they name."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from nst_core import Component, Job, JobError, Session, Source, make_job
from nst_core.job.named_files import named_files
from nst_core.options.recipes import job_of_file, missing_files
from nst_core.weights import home


@pytest.fixture
def job(registry, tmp_path, monkeypatch) -> Job:
    """A job, in a folder with another one beside it."""
    monkeypatch.chdir(tmp_path)
    Path("look").mkdir()
    return make_job("photo.png", ["one.png", "two.png"], session=Session(registry), extractor="tiny", size=16, steps=1)


def read(job: Job, registry) -> Job:
    Path("look/r.toml").write_text(job.to_toml(), encoding="utf-8")
    return job_of_file(Path("look/r.toml"), registry)


def paths(job: Job, registry) -> list[str]:
    return [file.path for file in named_files(job, registry.file_parameters)]


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_toml_and_json(job, registry):
    Path("r.toml").write_text(job.to_toml(), encoding="utf-8")
    Path("r.JSON").write_text(job.to_json(), encoding="utf-8")
    assert job_of_file(Path("r.toml"), registry) == job_of_file(Path("r.JSON"), registry) == job


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_byte_order_mark_is_no_part_of_a_recipe(job, registry, suffix):
    text = job.to_json() if suffix == ".json" else job.to_toml()
    Path(f"r{suffix}").write_bytes(codecs.BOM_UTF8 + text.encode())
    assert job_of_file(Path(f"r{suffix}"), registry) == job


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_named(job, registry, encoding):
    Path("r.toml").write_bytes(job.to_toml().encode(encoding))
    with pytest.raises(JobError, match=r"the recipe 'r.toml' cannot be read: it is in UTF-16; save it in UTF-8"):
        job_of_file(Path("r.toml"), registry)


def test_what_cannot_be_read_is_explained(registry, tmp_path):
    (tmp_path / "latin.toml").write_bytes("# Gemälde".encode("latin-1"))
    for name in ("none.toml", "latin.toml", ""):
        with pytest.raises(JobError, match=r"the recipe '.*' cannot be read"):
            job_of_file(tmp_path / name, registry)


def test_files_are_found_beside_the_recipe_and_here(job, registry):
    for path in ("look/photo.png", "photo.png", "one.png"):
        Path(path).write_text("")
    found = read(job, registry)
    assert paths(found, registry) == [str(Path("look", "photo.png")), "one.png", "two.png"]
    assert replace(found, content=job.content, styles=job.styles) == job
    assert [file.path for file in missing_files(found, registry)] == ["two.png"]


@pytest.mark.parametrize("place", ["/home/me/{}", "C:\\Users\\me\\{}", "../pictures/{}"])
def test_files_of_another_machine_are_found_by_their_names(job, registry, place):
    Path("look/photo.png").write_text("")
    Path("one.png").write_text("")
    moved = replace(job, content=Source(place.format("photo.png")), styles=(Source(place.format("one.png")),))
    assert paths(read(moved, registry), registry) == [str(Path("look", "photo.png")), "one.png"]


def test_the_hash_decides_between_files_of_one_name(job, registry):
    Path("photo.png").write_text("this one")
    Path("look/photo.png").write_text("another")
    found = read(replace(job, content=Source("photo.png", sha256("photo.png"))), registry)
    assert found.content.path == "photo.png"
    found = read(replace(job, content=Source("photo.png", sha256("look/photo.png"))), registry)
    assert found.content.path == str(Path("look", "photo.png"))


def test_initial_images_and_weights_are_found_as_images_are(job, registry):
    for name in ("start.png", "vgg.safetensors"):
        Path("look", name).write_text("")
    job = replace(
        job,
        extractor=Component("vgg19", {"weights": "/home/me/vgg.safetensors"}),
        initializer=Component("image", {"path": "start.png"}),
    )
    found = read(job, registry)
    assert found.initializer.params == {"path": str(Path("look", "start.png"))}
    assert found.extractor.params == {"weights": str(Path("look", "vgg.safetensors"))}


def test_weights_of_the_same_content_in_the_store_take_the_place_of_a_missing_file(job, registry, random_vgg19):
    folder = home() / "weights"
    folder.mkdir(parents=True)
    (folder / "mine.safetensors").write_bytes(random_vgg19.read_bytes())
    job = replace(job, extractor=Component("vgg19", {"weights": "/home/me/vgg.safetensors"}))
    assert read(job, registry).extractor == job.extractor
    known = replace(job, weights_sha256=sha256(str(random_vgg19)))
    assert read(known, registry).extractor.params == {"weights": "mine"}


def test_names_of_weight_sets_samples_and_images_in_memory_stay_what_they_are(job, registry):
    Path("look/mine").write_text("")
    other = replace(
        job,
        content=Source("sample:landscape"),
        styles=(Source(""),),
        extractor=Component("vgg19", {"weights": "mine"}),
    )
    assert read(other, registry) == other
    assert missing_files(other, registry) == []
