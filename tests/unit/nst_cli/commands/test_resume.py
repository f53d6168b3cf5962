"""A run that was interrupted goes on from any folder and leaves what it would have left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from nst_core import Job, Problem, load_image, read_recipe

RUN = ("run", "photo.jpg", "painting.png", "--extractor", "tiny", "--steps", "8", "--size", "32", "--precision", "fp32")
KEEP = ("--checkpoint", "run.ckpt", "--checkpoint-every", "0s")


@pytest.fixture
def interrupted(nst, monkeypatch):
    """Begin a run that ends at its sixth evaluation; return the command."""

    def begin(*options: str):
        evaluate, calls = Problem.evaluate, []

        def stopping(*arguments, **more):
            calls.append(1)
            if len(calls) == 6:
                raise KeyboardInterrupt
            return evaluate(*arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Problem, "evaluate", stopping)
            assert nst(*RUN, *KEEP, *options).code == 130
        return nst

    return begin


@pytest.mark.parametrize("metadata", ["names", "full"])
def test_a_run_goes_on_from_any_folder(interrupted, metadata):
    """It takes the place of the image that it left, which holds the recipe in one form or the other."""
    nst = interrupted("--metadata", metadata)
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    done = nst("resume", "../run.ckpt")
    os.chdir("..")
    assert (done.code, Path(done.out.strip())) == (0, Path("photo-painting.png").absolute())
    assert not Path("run.ckpt").exists()
    assert nst(*RUN, "-o", "whole.png", "--metadata", metadata).code == 0
    assert torch.equal(load_image("photo-painting.png").pixels, load_image("whole.png").pixels)
    assert Job.from_toml(read_recipe("photo-painting.png")) == Job.from_toml(read_recipe("whole.png"))


def test_a_recipe_is_written_where_it_would_have_been(interrupted):
    Path("looks").mkdir()
    nst = interrupted("--save-recipe", "looks/r.toml", "--metadata", "none", "-o", "o.png")
    os.chdir("looks")
    assert nst("resume", "../run.ckpt").code == 0
    assert Job.from_toml(Path("r.toml").read_text()).content.path == "../photo.jpg"
    assert nst("run", "--recipe", "r.toml", "-o", "again.png").code == 0
    assert torch.equal(load_image("../o.png").pixels, load_image("again.png").pixels)
