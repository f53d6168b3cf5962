"""Files, folders and patterns to images in a fixed order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from nst_core import ImageError, JobError, save_image
from nst_core.experiments.inputs import Skipped, combine, distinct, find_images


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """``photos`` with b.png, a.jpg, notes.txt, a hidden file, and ``deep/c.png``, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("photos/deep").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "deep/c.png"):
        save_image(torch.zeros(3, 8, 8), f"photos/{name}")
    Path("photos/notes.txt").write_text("hello")
    Path("photos/._a.jpg").write_text("of a Mac")
    return Path("photos")


def texts(*paths: str) -> tuple[str, ...]:
    return tuple(str(Path(path)) for path in paths)


def test_a_folder_is_its_images_sorted_and_the_rest_is_named(photos):
    found = find_images(["photos"], role="content")
    assert found.paths == texts("photos/a.jpg", "photos/b.png")
    assert found.skipped == (
        Skipped(str(Path("photos/deep")), "a folder"),
        Skipped(str(Path("photos/notes.txt")), "not an image"),
    )


def test_recursive_goes_into_folders(photos):
    assert find_images(["photos"], role="content", recursive=True).paths == texts(
        "photos/a.jpg", "photos/b.png", "photos/deep/c.png"
    )


def test_links_in_circles_end(photos):
    (photos / "deep" / "up").symlink_to(photos.resolve(), target_is_directory=True)
    assert len(find_images(["photos"], role="content", recursive=True).paths) == 3


def test_patterns_are_expanded_and_the_order_of_what_is_given_stays(photos):
    found = find_images(["sample:landscape", "photos/*.png", "photos/**/c.*", "photos/a.jpg"], role="content")
    assert found.paths == ("sample:landscape", *texts("photos/b.png", "photos/deep/c.png", "photos/a.jpg"))
    assert find_images(["phot*"], role="style", recursive=True).paths == texts(
        "photos/a.jpg", "photos/b.png", "photos/deep/c.png"
    )


def test_a_file_with_the_letters_of_a_pattern_is_a_file(photos):
    (photos / "b.png").rename("b[1].png")
    assert find_images(["b[1].png"], role="content").paths == ("b[1].png",)


def test_damaged_images_are_kept_for_their_job_to_fail(photos):
    (photos / "broken.jpg").write_text("no picture")
    assert str(photos / "broken.jpg") in find_images(["photos"], role="content").paths


def test_results_of_the_batch_are_no_images_of_it(photos):
    whole = photos.resolve()
    found = find_images(["photos"], role="content", recursive=True, results={whole / "b.png", whole / "deep"})
    assert found.paths == texts("photos/a.jpg")
    assert {skip.reason for skip in found.skipped} == {"a result of this batch", "not an image"}
    assert str(Path("photos/deep")) in {skip.path for skip in found.skipped}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_passed_over_and_not_waited_for(photos):
    os.mkfifo(photos / "pipe.png")
    assert Skipped(str(photos / "pipe.png"), "not a file") in find_images(["photos"], role="content").skipped


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nothing.jpg", "the style image or folder 'nothing.jpg' does not exist"),
        ("photos/*.bmp", r"no file matches the style pattern 'photos/\*.bmp'"),
        ("empty", "there is no style image in 'empty'$"),
        ("photos/notes.txt", "there is no style image in 'photos/notes.txt' .'photos/notes.txt' is not an image.$"),
        ("above", "there is no style image in 'above' .'above.deep' is a folder.; --recursive goes into folders"),
    ],
)
def test_nothing_to_paint_is_an_error(photos, given, message):
    Path("empty").mkdir()
    Path("above/deep").mkdir(parents=True)
    with pytest.raises(ImageError, match=message):
        find_images([given], role="style")


def test_pairs_need_as_many_of_both():
    assert combine(["a", "b"], ["x", "x"]) == [("a", "x"), ("b", "x")]
    with pytest.raises(JobError, match="--pair needs as many style images as content images, not 2 and 1"):
        combine(["a", "b"], ["x"])


def test_one_file_under_two_spellings_is_one():
    assert distinct(["a.jpg", "./a.jpg", "b/../c.jpg", "c.jpg", "sample:x"]) == ["a.jpg", "b/../c.jpg", "sample:x"]
