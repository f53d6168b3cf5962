"""What is kept of a picture, and what is handed out."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace

import pytest
from PIL import Image

from nst_cli.studio.results import Results, data_url, other_name, saved
from nst_core import ImageError, Job, load_image, read_recipe


@pytest.fixture
def result(session, wish):
    return session.run(wish(quick=True, steps=3).job(session)).exhaust()


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "pictures", tmp_path / "scratch")


def test_a_picture_is_kept_with_its_recipe_and_never_over_another(results, result, wish, tmp_path):
    first, second = results.add(result, wish()), results.add(result, wish())
    assert [kept.path.name for kept in results.kept] == ["photo-one-2.png", "photo-one.png"]
    job = Job.from_toml(read_recipe(first.path))
    assert (job.content.path, job.styles[0].path) == ("photo.png", "one.png")
    assert first.size == (36, 48)
    assert not first.stopped
    assert results.file(second.key, "photo-one-2.png") == second.path
    assert results.file(first.key, "photo-one-2.png") is None
    assert results.file("x", "photo-one.png") is None
    assert len(first.key) >= 32


def test_the_tiff_has_sixteen_bits_and_the_recipe_is_the_same(results, result, wish):
    kept = results.add(result, wish())
    tiff, recipe = kept.files["photo-one.tif"], kept.files["photo-one.toml"]
    pixels = load_image(tiff).pixels
    assert (pixels - result.image).abs().max() < 1 / 255
    assert tiff.stat().st_size > 2 * 3 * 36 * 48
    assert Job.from_toml(recipe.read_text()) == Job.from_toml(read_recipe(kept.path))


def test_masks_come_with_the_picture(results, result, wish, images):
    kept = results.add(result, replace(wish(), options={"keep": str(images / "two.png")}))
    with zipfile.ZipFile(kept.files["photo-one-masks.zip"]) as archive:
        assert archive.namelist() == ["two.png"]
        assert archive.read("two.png") == (images / "two.png").read_bytes()


def test_what_cannot_be_written_leaves_nothing(result, tmp_path, monkeypatch):
    def full(*_, **__):
        raise ImageError("no space left")

    monkeypatch.setattr("nst_core.Result.save", full)
    with pytest.raises(ImageError):
        saved(result, tmp_path / "pictures")
    assert [*(tmp_path / "pictures").iterdir()] == []


def test_a_name_that_is_taken_gets_a_number():
    assert other_name("a.png", ()) == "a.png"
    assert other_name("a.png", {"a.png", "a-2.png"}) == "a-3.png"


def test_a_picture_in_an_address_is_small(result):
    kind, _, data = data_url(result.image, 20).partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (20, 15)
