"""One row is enough: the API, the command line, sweeps and the reference page are made from the table."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest

from nst_cli.main import build_app
from nst_core import Component, Job, JobError, Session, UnknownNameError, make_job
from nst_core.experiments.sweep import parse_variation, varied_job
from nst_core.options import build, table
from nst_core.options.table import OPTIONS, Option, apply_options, check_options, describe_options, options_table
from nst_core.options.types import FLAG, INTEGER, NAMES

SMALL = ("--extractor", "tiny", "--steps", "1", "--size", "24", "--precision", "fp32")
ROW = Option(
    "my_option",
    INTEGER,
    build.set_field("seed"),
    "Number that a test chose.",
    metavar="K",
    default="nothing",
    key="mykey",
)


@pytest.fixture
def one_more(monkeypatch) -> None:
    """The table with one more row."""
    monkeypatch.setattr(table, "OPTIONS", (*OPTIONS, ROW))


def words(text: str) -> str:
    return re.sub(r"[│\s]+", " ", text)


def test_one_row_is_a_keyword_of_the_api(one_more, registry):
    session = Session(registry)
    assert make_job("a.jpg", "b.jpg", session=session, my_option=7).seed == 7
    with pytest.raises(UnknownNameError, match="unknown option 'my_opton'; did you mean 'my_option'"):
        make_job("a.jpg", "b.jpg", session=session, my_opton=7)


@pytest.mark.parametrize("command", ["run", "sweep", "grid", "study", "texture", "reconstruct"])
def test_one_row_is_in_the_help_of_the_commands(one_more, nst, command):
    assert re.search(r"--my-option K Number that a test chose. \[default: \(nothing\)\]", words(nst(command, "-h").out))


def test_one_row_is_an_option_of_the_command(one_more, nst):
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "--my-option", "7", "--save-recipe", "r.toml")
    assert done.code == 0, done.err
    assert Job.from_toml(Path("r.toml").read_text()).seed == 7
    assert nst("run", "photo.jpg", "painting.png", *SMALL, "--my-option", "x").code == 2


def test_one_row_is_a_key_of_sweeps(one_more, nst, registry):
    done = nst("sweep", "--vary", "mykey=3,4", "photo.jpg", "painting.png", *SMALL, "-o", "out")
    assert done.code == 0, done.err
    assert len([*Path("out").glob("**/*.png")]) >= 2
    base = make_job("a.jpg", "b.jpg", session=Session(registry))
    assert parse_variation("mykey=3,4", base, registry).values == ("3", "4")
    assert varied_job(Session(registry), "a.jpg", ["b.jpg"], None, {}, {"mykey": "4"}).seed == 4


def test_one_row_is_described(one_more):
    assert "\n  my_option: integer. Number that a test chose. (default: nothing)" in describe_options("  ")


def test_without_the_row_there_is_no_such_option(nst):
    assert "my-option" not in nst("run", "--help").out
    assert "unknown key to vary 'mykey'" in nst("sweep", "--vary", "mykey=3", "photo.jpg", "painting.png").err


def test_names_flags_and_keys_are_unique():
    for values in (
        [option.name for option in OPTIONS],
        [option.key for option in OPTIONS if option.key],
        [flag for option in OPTIONS for flag in option.flags],
    ):
        assert len(values) == len({*values})
    assert {*options_table()} == {option.name for option in OPTIONS}


def test_every_row_can_be_understood():
    for option in OPTIONS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", option.name)
        assert re.fullmatch(r"[A-ZÀ-Ý0-9].*\.", option.help), option.name
        assert option.source in ("", "content", "style", "both")
        assert option.metavar or option.type is FLAG, option.name
        for flag in option.flags:
            assert re.fullmatch(r"--[a-z]+(-[a-z]+)*", flag), option.name
        assert bool(option.key) is (option.type is not NAMES and option.name != "fast"), (
            f"{option.name} cannot be varied"
        )


def test_flags():
    by_name = options_table()
    assert by_name["style_weight"].flags == ("--style-weight",)
    assert by_name["plugins"].flags == ("--plugin",)
    assert by_name["normalize_gradients"].flags == ("--normalize-gradients", "--raw-gradients")


def test_everything_that_decides_the_pixels_can_be_chosen(registry):
    """Each field of the job is changed by some option, but for those that name images and versions."""
    base = make_job("a.jpg", ["b.jpg", "c.jpg"], session=Session(registry), extractor="vgg19")
    given = {
        "extractor": "vgg16",
        "init": "noise",
        "optimizer": "adam",
        "parametrization": "pixels",
        "plugins": ["w2-style"],
        "blend": [0.7, 0.3],
        "size": 300,
        "levels": "128,300",
        "steps": 3,
        "seed": 4,
        "strength": 0.75,
        "color": "match:pca",
        "regions": ["sky=sky.png:style=2"],
        "outside": "free",
        "guide": "inside",
        "keep": "face.png",
        "normalize_gradients": True,
        "enlarge": True,
        "precision": "bf16",
        "device": "cpu",
    }
    job = apply_options(replace(base, weights_sha256="ab", parametrization=Component("other")), registry, given)
    changed = {each.name for each in fields(Job) if getattr(job, each.name) != getattr(base, each.name)}
    assert {each.name for each in fields(Job)} - changed == {
        "content",
        "shape",
        "schema",
        "parametrization",
        "weights_sha256",
    }
    assert job.parametrization == base.parametrization
    assert job.weights_sha256 == ""


def test_the_defaults_that_help_shows_are_those_of_the_job():
    for each in fields(Job):
        option = options_table().get(each.name)
        if (
            each.name != "steps"
            and option is not None
            and isinstance(each.default, int | str)
            and not isinstance(each.default, bool)
        ):
            assert option.default == str(each.default), each.name
        assert option is None or each.default is not MISSING or option.default


def test_options_are_laid_over_a_job_in_the_order_of_the_table(registry):
    """Whatever the order in which they are given."""
    base = make_job("a.jpg", "b.jpg", session=Session(registry), extractor="tiny")
    one = apply_options(base, registry, {"style_weight": 3, "plugins": ["w2-style"], "preset": "noise"})
    other = apply_options(base, registry, {"preset": "noise", "plugins": ["w2-style"], "style_weight": 3})
    assert one == other
    assert [term.weight for term in one.terms] == [100.0, 3.0]


def test_nothing_given_changes_nothing(registry):
    base = make_job("a.jpg", "b.jpg", session=Session(registry))
    assert apply_options(base, registry, {}) is base
    assert check_options({}) == {}
    assert check_options({"levels": [1, 2], "style_weight": 3}) == {"levels": "1,2", "style_weight": 3.0}
    with pytest.raises(JobError, match="unknown option 'colour'"):
        apply_options(base, registry, {"colour": 1})


def test_the_command_reads_the_table_when_it_is_built(one_more):
    (run,) = [command for command in build_app().registered_commands if command.name == "run"]
    assert "my_option" in run.callback.__annotations__
