"""The command of the identity test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nst_core import Job

SMALL = ("--extractor", "tiny", "--steps", "3", "--size", "32", "--precision", "fp32")


def test_it_writes_the_picture_and_prints_how_far_it_is(nst):
    done = nst("identity", "painting.png", *SMALL)
    path, *figures = done.out.splitlines()
    assert (done.code, path) == (0, "painting-painting-identity.png")
    assert Path(path).exists()
    assert [line.split()[0] for line in figures] == ["rmse", "ssim", "pyramid"]
    assert 0 < float(figures[0].split()[1]) < 1
    assert nst("identity", "painting.png", *SMALL, "-q", "-o", "other.png").out == "other.png\n"


def test_as_json_it_has_the_figures_beside_those_of_the_run(nst):
    told = json.loads(nst("identity", "painting.png", *SMALL, "--preset", "content", "--json").out)
    assert {"rmse", "ssim", "pyramid", "total", "seconds"} <= told.keys()
    job = Job.from_dict(told["job"])
    assert job.content is not None
    assert job.content.path == job.styles[0].path == "painting.png"
    assert job.initializer.name == "noise"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("painting.png", "--init", "content"), "an identity test cannot start from 'content'"),
        ((".",), "is a folder"),
        (("none.png",), "none.png"),
    ],
)
def test_what_cannot_be_tested_is_said(nst, arguments, message):
    done = nst("identity", *arguments, *SMALL)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
