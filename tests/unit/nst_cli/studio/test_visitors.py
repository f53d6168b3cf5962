"""Who is there: room, privacy, and what is left of a visit."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image

from nst_cli.studio import visitors
from nst_cli.studio.visitors import Limits, Studio
from nst_core import ImageError, JobError


@pytest.fixture
def studio(session, tmp_path, gate):
    made = Studio(tmp_path / "pictures", Limits(visitors=2), session)
    yield made
    gate.set()
    made.close()
    assert not made.scratch.exists()


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_there_is_room_for_so_many(studio):
    one = studio.enter("one")
    assert studio.enter("one") is studio.visitor("one") is one
    studio.enter("two")
    with pytest.raises(JobError, match="the studio is full: 2 visitors are here"):
        studio.enter("three")
    studio.leave("one")
    assert studio.enter("three").name == "three"


def test_who_says_nothing_for_an_hour_makes_room(studio, monkeypatch):
    studio.enter("one").seen -= visitors.IDLE_SECONDS + 1
    studio.enter("two")
    assert {visitor.name for visitor in studio.visitors} == {"one", "two"}, "there is room"
    studio.enter("three")
    assert {visitor.name for visitor in studio.visitors} == {"two", "three"}
    with pytest.raises(JobError, match="the studio is full"):
        studio.enter("four")


def test_who_has_left_is_not_let_in_by_what_comes_late(studio):
    studio.enter("one")
    studio.leave("one")
    with pytest.raises(JobError, match="Reload the page"):
        studio.visitor("one")
    assert studio.visitors == []


def uploaded(studio, path):
    """Return a file as the page has it that was given one."""
    place = studio.cache / str(len([*studio.cache.iterdir()]))
    place.mkdir()
    return str(shutil.copy(path, place))


def test_leaving_stops_the_picture_and_deletes_the_files(studio, wish, images):
    one = studio.enter("one")
    copy = Path(one.take(uploaded(studio, images / "photo.png"), "photograph")[0])
    assert copy.name == "photo.png"
    assert copy.read_bytes() == (images / "photo.png").read_bytes()
    one.painting.paint(wish(quick=True, steps=1000, plugins=["waits"]))
    until(lambda: one.painting.view.image is not None)
    studio.leave("one")
    assert not one.folder.exists()
    assert not studio.desk.busy
    assert one.results.kept == []
    studio.leave("one")


def test_pictures_are_one_s_own(studio, wish):
    one, two = studio.enter("one"), studio.enter("two")
    one.painting.paint(wish(quick=True, steps=2))
    assert one.painting.settled(30)
    (kept,) = one.results.kept
    assert two.results.kept == []
    assert studio.file(kept.key, "photo-one.png") == kept.path
    assert studio.file("other", "photo-one.png") is None
    assert studio.file(kept.key, "../photo-one.png") is None
    studio.leave("one")
    assert studio.file(kept.key, "photo-one.png") is None
    assert kept.path.exists(), "the operator keeps it"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no image", "photograph 'odd.png' is not an image"), (b"", "photograph 'odd.png' is an empty file")],
)
def test_what_is_no_image_is_refused_without_the_server_s_paths(studio, tmp_path, content, message):
    (tmp_path / "odd.png").write_bytes(content)
    one = studio.enter("one")
    with pytest.raises(ImageError, match=message) as refused:
        one.take(uploaded(studio, tmp_path / "odd.png"), "photograph")
    assert "/" not in str(refused.value)
    assert [*(one.folder / "images").iterdir()] == []


@pytest.mark.parametrize("path", ["photo.png", "/dev/zero", "../photo.png", "missing.png", ""])
def test_only_what_was_uploaded_is_taken(studio, images, path):
    one = studio.enter("one")
    with pytest.raises(JobError, match="no file that was uploaded here"):
        one.take(str(images / path), "photograph")
    (studio.cache / "link.png").symlink_to(images / "photo.png")
    with pytest.raises(JobError, match="no file that was uploaded here"):
        one.take(str(studio.cache / "link.png"), "photograph")
    (studio.cache / "link.png").unlink()


def test_so_much_may_be_uploaded(studio, images, monkeypatch):
    monkeypatch.setattr(visitors, "MOST_BYTES", int(1.5 * (images / "photo.png").stat().st_size))
    one = studio.enter("one")
    one.take(uploaded(studio, images / "photo.png"), "photograph")
    with pytest.raises(JobError, match="reload it to go on"):
        one.take(uploaded(studio, images / "photo.png"), "photograph")


def test_what_an_image_is_not_taken_for_is_said(studio, images, tmp_path):
    one = studio.enter("one")
    frames = [Image.new("RGB", (40, 30), (60 * number, 90, 120)) for number in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    half = Image.new("RGBA", (40, 30), (200, 90, 20, 255))
    half.paste((0, 0, 0, 0), (0, 0, 15, 30))
    half.save(tmp_path / "half.png")

    def remark(path, role):
        return one.take(uploaded(studio, path), role)[1]

    assert remark(tmp_path / "moving.gif", "painting") == "The painting has 3 frames or pages; the first one is used."
    assert remark(tmp_path / "half.png", "photograph").endswith("the picture is transparent there, too.")
    assert remark(tmp_path / "half.png", "painting").endswith("it is taken for white there.")
    assert remark(images / "one.png", "painting") == ""


def test_images_of_one_name_get_names_of_their_own(studio, images):
    one = studio.enter("one")
    taken = [Path(one.take(uploaded(studio, images / "one.png"), "painting")[0]).name for _ in range(3)]
    assert taken == ["one.png", "one-2.png", "one-3.png"]


def test_a_recipe_is_taken_up_but_not_its_files(studio, session, wish, images, tmp_path):
    one = studio.enter("one")
    wanted = wish(strength=0.9, keep=str(images / "photo.png"), size=40)
    session.run(wanted.job(session)).exhaust().save(tmp_path / "made.png")
    job = one.take_recipe(uploaded(studio, tmp_path / "made.png"), session)
    assert (job.strength, job.keep, one.recipe) == (0.9, None, "made.png")
    assert one.base == job


@pytest.mark.parametrize("options", [{"init": "image:path={}"}, {"extractor": "vgg19:weights={}"}])
def test_a_recipe_must_not_name_files_of_the_server(studio, session, wish, images, tmp_path, options):
    from nst_core import make_job

    secret = str(images / "two.png")
    given = {name: value.format(secret) for name, value in options.items()}
    job = make_job(str(images / "photo.png"), [str(images / "one.png")], session=session, **given)
    (tmp_path / "recipe.toml").write_text(job.to_toml())
    with pytest.raises(JobError, match="use 'nst run'"):
        studio.enter("one").take_recipe(uploaded(studio, tmp_path / "recipe.toml"), session)
    with pytest.raises(JobError, match="no file that was uploaded here"):
        studio.enter("one").take_recipe(str(tmp_path / "recipe.toml"), session)


def test_a_picture_without_a_recipe_is_named(studio, session, images):
    with pytest.raises(ImageError, match=r"'one\.png' contains no recipe"):
        studio.enter("one").take_recipe(uploaded(studio, images / "one.png"), session)


def test_what_nobody_can_need_is_deleted_from_the_cache(studio):
    old, new = studio.cache / "a" / "old.png", studio.cache / "b" / "new.png"
    for path in (old, new):
        path.parent.mkdir()
        Image.new("RGB", (4, 4)).save(path)
    studio.enter("one")
    hour = time.time() - 3600
    os.utime(old, (hour, hour))
    studio.tidy()
    assert not old.parent.exists()
    assert new.exists(), "the browser may not have fetched it"
    os.utime(new, (hour, hour))
    studio.visitor("one").cached.add(new)
    studio.tidy()
    assert new.exists(), "the page may show it again"
    studio.leave("one")
    studio.tidy()
    assert [*studio.cache.iterdir()] == []


def test_a_large_picture_goes_to_whoever_asked(studio, wish):
    studio.enter("one")
    final = studio.finals.add(wish(), 64, "one")
    until(lambda: not final.active)
    (kept,) = studio.enter("one").results.kept
    assert kept.path == final.path


def test_a_folder_that_cannot_be_made_is_named(session, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot be made"):
        Studio(tmp_path / "file" / "pictures", session=session)
