"""Pixels that stay the content image's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from masks import part, saved_mask, soft
from PIL import Image
from runs import CONTENT, STYLE, picture
from tiny import tiny_registry

from nst_core import ImageError, Job, JobError, Resources, Session, load_image, make_job, run, save_image
from nst_core.engine.kept import Kept

REGISTRY = tiny_registry()
HEIGHT, WIDTH = CONTENT.shape[-2:]
BOX = part(HEIGHT, WIDTH, slice(4, 16), slice(6, 20))


def job_of(keep: str | None, *, content=CONTENT, **options) -> Job:
    given = {"preset": "content", "extractor": "tiny", "steps": 5, "precision": "fp32", "device": "cpu"} | options
    more = {"keep": keep} if keep else {}
    return make_job(content, STYLE, session=Session(REGISTRY), **given, **more)


def result_of(keep: str | None, *observers, content=CONTENT, resources=None, **options):
    job = job_of(keep, content=content, **options)
    session = Session(REGISTRY)
    return run(job, content=content, styles=STYLE, observers=observers, session=session, resources=resources)


def problem_of(keep: str | None, **options):
    given = Session(REGISTRY).prepare(job_of(keep, **options), content=CONTENT, styles=[STYLE])
    return given.problem()


# The composite


@given(st.integers(0, 99))
@settings(deadline=None)
def test_the_content_lies_over_the_image_by_the_mask(seed):
    image, content = picture(9, 11, seed), picture(9, 11, seed + 100)
    mask = soft(9, 11, seed)[None, None]
    found = Kept(mask, content).over(image)
    torch.testing.assert_close(found, mask * content + (1 - mask) * image)
    full, empty = (mask == 1).expand_as(image), (mask == 0).expand_as(image)
    assert torch.equal(found[full], content[full])
    assert torch.equal(found[empty], image[empty])
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_gradients_go_where_the_image_shows():
    image, content = picture(6, 7, 0).double().requires_grad_(), picture(6, 7, 1).double()
    kept = Kept(soft(6, 7)[None, None].double(), content)
    slope = picture(6, 7, 2).double()
    (expected,) = torch.autograd.grad(kept.over(image), image, slope)
    torch.testing.assert_close(kept.pull_back(slope), expected)


# Runs


@pytest.mark.parametrize("color", ["style", "match", "luminance", "content"])
@pytest.mark.parametrize(
    "options", [{}, {"levels": "16,32", "init": "noise"}, {"optimizer": "adam"}, {"plugins": ["nn-style"]}]
)
def test_what_is_kept_is_the_photographs_own_in_every_step(tmp_path, color, options):
    mask, seen = saved_mask(tmp_path / "keep.png", BOX), []
    result = result_of(mask, lambda step: seen.append(step.image), color=color, **options)
    box = (BOX > 0).expand(1, 3, HEIGHT, WIDTH)
    assert torch.equal(result.image[box], CONTENT[box])
    full = [image for image in seen if image.shape[-2:] == (HEIGHT, WIDTH)]
    assert full
    assert all(torch.equal(image[box], CONTENT[box]) for image in full)
    plain = result_of(None, color=color, **options)
    assert not torch.equal(plain.image[box], CONTENT[box])
    assert not torch.isclose(result.image, CONTENT).all(1)[0][BOX == 0].all()


def test_a_mask_that_is_larger_than_the_picture_keeps_as_much(tmp_path):
    large = torch.nn.functional.interpolate(BOX[None, None], scale_factor=7.0)[0, 0]
    result = result_of(saved_mask(tmp_path / "keep.png", large))
    inner = part(HEIGHT, WIDTH, slice(5, 15), slice(7, 19)).bool().expand(1, 3, HEIGHT, WIDTH)
    assert torch.equal(result.image[inner], CONTENT[inner])


def test_soft_edges_are_mixed(tmp_path):
    mask = soft(HEIGHT, WIDTH)
    problem = problem_of(saved_mask(tmp_path / "keep.png", mask))
    other = picture(HEIGHT, WIDTH, 5)
    found = problem.image(problem.parametrization.encode(other))
    expected = mask * CONTENT + (1 - mask) * other
    torch.testing.assert_close(found, expected, atol=0.5 / 255 + 1e-6, rtol=0)


def test_the_network_sees_what_is_kept(tmp_path):
    """What is painted fits it: the losses are those of the picture with the photograph laid over it."""
    problem, plain = problem_of(saved_mask(tmp_path / "keep.png", BOX)), problem_of(None)
    other = picture(HEIGHT, WIDTH, 5)
    found, image = problem.evaluate(other)
    assert torch.equal(found.losses, plain.evaluate(image)[0].losses)
    assert not torch.equal(found.losses, plain.evaluate(other)[0].losses)
    assert not found.gradient[..., BOX > 0].any()
    assert found.gradient[..., BOX == 0].any()


def test_the_gradient_is_that_of_the_variable(tmp_path):
    problem = problem_of(saved_mask(tmp_path / "keep.png", soft(HEIGHT, WIDTH)))
    point = picture(HEIGHT, WIDTH, 2) * 0.8 + 0.1
    gradient = problem.evaluate(point)[0].gradient
    step = 0.03 * gradient / gradient.norm()
    slope = problem.evaluate(point + step)[0].total - problem.evaluate(point - step)[0].total
    assert float(slope) == pytest.approx(2 * float((gradient * step).sum()), rel=0.02)


@pytest.mark.parametrize("init", ["content", "noise"])
def test_all_may_be_kept(tmp_path, init):
    result = result_of(saved_mask(tmp_path / "keep.png", torch.ones(HEIGHT, WIDTH)), init=init)
    assert torch.equal(result.image, CONTENT)


def test_nothing_is_kept_is_said(tmp_path):
    mask = saved_mask(tmp_path / "black.png", torch.zeros(HEIGHT, WIDTH))
    with pytest.raises(ImageError, match=r"the keep mask '.*black.png' is black everywhere, so nothing would be kept"):
        result_of(mask)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "keep mask '.*keep.png' does not exist"),
        (
            lambda path: saved_mask(path, BOX.T),
            "the keep mask '.*keep.png' has 24×32 pixels, but the picture has 32×24",
        ),
        (lambda path: saved_mask(path, torch.ones(1, 1)), "keep mask '.*keep.png' has a single pixel"),
        (lambda path: path.write_text("x"), "keep mask '.*keep.png' is not an image"),
    ],
)
def test_bad_masks_are_explained_before_any_work(tmp_path, make, message):
    make(tmp_path / "keep.png")
    for use in ("prepare", "plan"):
        with pytest.raises(ImageError, match=message):
            getattr(Session(REGISTRY), use)(job_of(str(tmp_path / "keep.png")), content=CONTENT, styles=[STYLE])


def test_a_texture_keeps_nothing(tmp_path):
    mask = saved_mask(tmp_path / "keep.png", BOX)
    with pytest.raises(JobError, match="a texture has no content image of which something could be kept"):
        make_job(None, STYLE, session=Session(REGISTRY), extractor="tiny", preset="noise", keep=mask)


# Files


def files_of(tmp_path, bits: int) -> tuple[str, torch.Tensor]:
    """Save a photograph with every value that its bits allow, or many of them."""
    values = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3))
    save_image(values, tmp_path / "photo.png", bits=bits)
    return str(tmp_path / "photo.png"), values


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("color", ["style", "luminance"])
def test_what_is_kept_is_in_the_file_bit_for_bit(tmp_path, bits, suffix, color):
    photo, _ = files_of(tmp_path, bits)
    mask = saved_mask(tmp_path / "keep.png", BOX)
    result = result_of(mask, content=photo, color=color, init="noise")
    result.save(tmp_path / f"o.{suffix}", bits=bits)
    photograph, saved = (load_image(tmp_path / name).pixels for name in ("photo.png", f"o.{suffix}"))
    box = (BOX > 0).expand_as(saved)
    assert torch.equal(saved[box], photograph[box])
    assert not torch.equal(saved[~box], photograph[~box])
    levels = saved[box].double() * (2**bits - 1)
    assert float((levels - levels.round()).abs().max()) < 1e-2
    if bits == 8 and suffix == "png":
        one, other = (Image.open(tmp_path / name).convert("RGB") for name in ("photo.png", "o.png"))
        assert one.crop((6, 4, 20, 16)).tobytes() == other.crop((6, 4, 20, 16)).tobytes()


def test_what_is_kept_does_not_depend_on_tiles(tmp_path):
    content = picture(90, 100, 3)
    mask = saved_mask(tmp_path / "keep.png", soft(90, 100))
    whole, tiled = (
        result_of(mask, content=content, size=100, steps=3, resources=Resources(tile=tile)).image
        for tile in ("off", 60)
    )
    torch.testing.assert_close(tiled, whole, atol=2e-3, rtol=0)
