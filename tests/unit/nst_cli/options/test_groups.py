"""The groups of options that commands share."""

from __future__ import annotations

import pytest

from nst_cli.options.groups import (
    ContentJobOptions,
    NetworkOptions,
    ReportOptions,
    ResourceOptions,
    StyleJobOptions,
    parse_duration,
)
from nst_core import JobError, Resources
from nst_core.options.table import OPTIONS


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("2.5", 2.5), (" 0 ", 0), ("0.5m", 30)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1d", "1 s", "1h30m", "nan"])
def test_what_is_no_duration_is_explained(text):
    with pytest.raises(JobError, match=r"invalid duration '.*': write 30s, 5m or 1h"):
        parse_duration(text)


def test_resources():
    assert ResourceOptions().resources() == Resources()
    assert ResourceOptions(tile="256", memory_limit="2GB", threads=3).resources() == Resources(256, 2 * 10**9, 3)
    assert ResourceOptions(tile="off").resources().tile == "off"
    for tile in ("0", "-8", "big", "1.5", ""):
        with pytest.raises(JobError, match="--tile must be auto, off, or the side of a tile in pixels"):
            ResourceOptions(tile=tile).resources()


def test_jobs_with_one_kind_of_image_have_no_options_of_the_other():
    sources = {group: {o.source for o in group.rows()} for group in (ContentJobOptions, StyleJobOptions)}
    assert sources == {ContentJobOptions: {"", "content"}, StyleJobOptions: {"", "style"}}
    assert {o.name for o in NetworkOptions.rows()} == {"extractor", "weights", "device"}
    assert {o.source for o in OPTIONS} == {"", "content", "style", "both"}


def test_quiet_says_nothing(capsys):
    ReportOptions(quiet=True).say("a")
    ReportOptions().say("b")
    assert capsys.readouterr() == ("", "b\n")
