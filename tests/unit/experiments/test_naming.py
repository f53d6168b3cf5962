"""Names of pictures: what they are made of, safe everywhere, none twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core import Component, Job, JobError, Source, Term, UnknownNameError
from nst_core.experiments.naming import different_names, picture_names, safe_stem


def job_of(content: str, *styles: str, seed: int = 0) -> Job:
    part = Component("x")
    sources = tuple(Source(style) for style in styles)
    return Job((Term("gram-style", 1.0),), part, part, part, part, Source(content), sources, seed=seed)


BEACH = job_of("photos/beach.jpg", "paintings/starry_night.jpg", seed=7)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{content}-{style}", "beach-starry_night.png"),
        ("{number:03} {content} by {preset}, {seed}", "001 beach by noise, 7.png"),
        ("{content}.PNG", "beach.png"),
        ("{{{content}}}", "{beach}.png"),
        ("same", "same.png"),
    ],
)
def test_a_template_is_filled(template, name):
    assert picture_names([BEACH], template, presets=["noise"]) == [name]


def test_samples_and_several_styles_have_names():
    assert picture_names([job_of("sample:landscape", "a/x.png", "b.y.png")]) == ["landscape-x+b.y.png"]


def test_jobs_of_one_name_are_numbered_in_their_order():
    jobs = [job_of(content, "x.jpg") for content in ("a/b.jpg", "c/B.jpg", "b-x-2.jpg", "d/b.png")]
    assert picture_names(jobs) == ["b-x.png", "B-x-2.png", "b-x-2-x.png", "b-x-3.png"]


def test_a_number_takes_no_name_that_another_has():
    jobs = [job_of(content, "x.jpg") for content in ("a/b.jpg", "c/b.jpg", "b-2.jpg")]
    assert picture_names(jobs, "{content}") == ["b.png", "b-3.png", "b-2.png"]


def test_pictures_keep_the_names_that_they_have():
    new, old, other = (job_of(path, "x.jpg") for path in ("a/b.jpg", "b.jpg", "c/b.jpg"))
    earlier = [("b-x.png", "b.jpg", "x.jpg"), ("b-x-2.png", "c/b.jpg", "x.jpg"), ("y.png", "a/b.jpg", "x.jpg")]
    assert picture_names([new, old, other], earlier=earlier) == ["b-x-3.png", "b-x.png", "b-x-2.png"]
    assert picture_names([other, old], "{content}", earlier=earlier) == ["b.png", "b-2.png"]
    twice = [("b-x.png", "b.jpg", "x.jpg"), ("b-x-2.png", "b.jpg", "x.jpg")]
    assert picture_names([old, new, old], earlier=twice) == ["b-x.png", "b-x-3.png", "b-x-2.png"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{contents}", "unknown field of a name 'contents'; did you mean 'content'. There are: content, number"),
        ("{}", "unknown field of a name ''"),
        ("{content.real}", "unknown field"),
        ("{content", "is not a template"),
        ("{style}/{content}", "has '/', which the name of a file cannot have"),
        ("{number:{seed}}", "braces within braces"),
        ("{content:d}", "is not a template: Unknown format code 'd'"),
        ("{content}.jpg", "pictures of a batch are PNG files"),
        (" ", "is empty"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(template, message):
    with pytest.raises(JobError, match=message):
        picture_names([BEACH], template)


def test_an_unknown_field_is_an_unknown_name():
    with pytest.raises(UnknownNameError):
        picture_names([BEACH], "{painter}")


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ('a<b>:"c', "a_b_c"),
        ("..hidden", "hidden"),
        ("end. .", "end"),
        ("CON", "CON_"),
        ("nul.tar", "nul.tar_"),
        ("", "_"),
        ("..", "_"),
        ("console", "console"),
    ],
)
def test_names_are_safe_on_every_system(text, stem):
    assert safe_stem(text) == stem


@given(st.text(max_size=400))
def test_any_text_makes_the_name_of_a_file(text):
    stem = safe_stem(text)
    assert stem
    assert not set(stem) & set('<>:"/\\|?*\0\n')
    assert stem[0] not in ". "
    assert stem[-1] not in ". "
    assert safe_stem(stem) == stem


@given(st.lists(st.sampled_from(["a", "A", "a-2", "b", "a-3"]), max_size=12))
def test_no_two_names_are_the_same_file(contents):
    names = picture_names([job_of(f"{content}.jpg") for content in contents], "{content}")
    assert len({name.lower() for name in names}) == len(contents)
    assert names == picture_names([job_of(f"{content}.jpg") for content in contents], "{content}")


def test_names_that_are_too_long_are_cut(tmp_path):
    names = picture_names([job_of("ä" * 200 + ".jpg", "b" * 300 + ".jpg")] * 2, folder=tmp_path)
    assert len(set(names)) == 2
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == sorted(names)


def test_different_names_for_the_same_text(tmp_path):
    found = different_names(["a/b", "seed=1", "Seed=1", "a/b", "", "x" * 300], tmp_path)
    assert found[:5] == ["a_b.png", "seed=1.png", "Seed=1-2.png", "a_b-2.png", "_.png"]
    assert len(found[5]) == 255
    assert different_names(["a", "a"], tmp_path, ["", "a.png"]) == ["a-2.png", "a.png"]
