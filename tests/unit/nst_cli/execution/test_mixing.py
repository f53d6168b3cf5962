"""``--onto``: the style image is made first, beside the picture, and is a file like any other from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nst_core import Job, load_image, read_recipe, save_image

SMALL = ("--extractor", "tiny", "--steps", "3", "--precision", "fp32", "--plugin", "gram-style")
RUN = ("run", "photo.jpg", "painting.png", "--onto", "coarse.jpg", *SMALL)


@pytest.fixture(autouse=True)
def coarse(nst) -> None:
    save_image(torch.linspace(0, 1, 20)[:, None].expand(1, 3, 20, 30), "coarse.jpg")


def test_the_style_image_is_left_beside_the_picture_and_repeats_it(nst):
    done = nst(*RUN, "-o", "out.png", "--size", "32", "--style-scale", "1.5", "--save-recipe", "r.toml", "--json")
    assert done.code == 0
    assert "first the style image: strokes of 'painting.png' on the forms of 'coarse.jpg'" in done.err
    job = Job.from_dict(json.loads(done.out)["job"])
    assert [(style.path, style.scale) for style in job.styles] == [("out-style.png", 1.5)]
    assert load_image("out-style.png").pixels.shape == (1, 3, 32, 48)
    mixed = Job.from_toml(read_recipe("out-style.png"))
    assert (mixed.content.path, mixed.styles[0].path) == ("coarse.jpg", "painting.png")
    assert [term.layers for term in mixed.terms] == [("a", "b")]
    for again in (("--recipe", "r.toml"), ("--from-image", "out.png")):
        assert nst("run", *again, "-o", "again.png", "-q").code == 0
        assert torch.equal(load_image("again.png").pixels, load_image("out.png").pixels)


def test_the_same_command_uses_the_style_image_again_and_another_makes_it_anew(nst):
    nst(*RUN, "-o", "out.png", "--size", "32", "--checkpoint", "c.ckpt")
    written = Path("out-style.png").read_bytes()
    done = nst(*RUN, "-o", "out.png", "--size", "32", "--checkpoint", "c.ckpt")
    assert (done.code, "first the style image" in done.err) == (0, False)
    assert Path("out-style.png").read_bytes() == written
    done = nst(*RUN, "-o", "out.png", "--size", "24")
    assert "first the style image" in done.err
    assert max(load_image("out-style.png").pixels.shape) == 24


def test_names_that_are_not_given_follow_the_images(nst):
    assert nst(*RUN, "-q", "--preview").out == "photo-painting.png\n"
    assert nst(*RUN, "-q", "--preview").out == "photo-painting-2.png\n"
    assert Path("photo-painting-2-style.png").exists()


def test_a_dry_run_makes_nothing(nst):
    done = nst(*RUN, "--dry-run", "-o", "out.png")
    assert (done.code, list(Path().glob("out*"))) == (0, [])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("coarse.jpg",), "--onto needs one style image, whose strokes are put onto it, but there are 2"),
        (("-o", "taken.png"), "the mixed style image would overwrite 'taken-style.png'"),
        (("-o", "painting.jpg", "--style-layers", "z"), "unknown layer 'z'"),
    ],
)
def test_what_cannot_be_is_explained(nst, more, message):
    save_image(torch.rand(3, 8, 8), "taken-style.png")
    done = nst("run", "photo.jpg", "painting.png", *more, "--onto", "coarse.jpg", *SMALL)
    assert done.code == 2
    assert message in done.err
    done = nst("run", "photo.jpg", "painting.png", "--onto", "none.jpg", *SMALL)
    assert done.code == 2
    assert "content image 'none.jpg' does not exist" in done.err


def test_ctrl_c_leaves_no_style_image(nst, monkeypatch):
    from nst_core import Run

    step = Run.__next__

    def interrupted(run):
        run.cancel()
        return step(run)

    monkeypatch.setattr(Run, "__next__", interrupted)
    assert nst(*RUN, "-o", "out.png").code in (2, 130)
    assert not list(Path().glob("out*"))
