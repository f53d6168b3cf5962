"""The colour modes as components, each by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core import ImageTransform, JobError
from nst_core.testing import conformance
from nst_plugins.transforms.content import ContentColors
from nst_plugins.transforms.luminance import LuminanceOnly, matched_luminance
from nst_plugins.transforms.match import Match
from nst_plugins.ycbcr import luminance, with_chroma_of


def picture(height: int, width: int, seed: int) -> Tensor:
    return 0.2 + 0.6 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


PHOTO, PAINTING = picture(20, 30, 0), 0.5 * picture(24, 18, 1)
GREY = PHOTO[:, :1].repeat(1, 3, 1, 1)
MODES = {
    "ot": Match(),
    "cholesky": Match("cholesky"),
    "pca": Match("pca"),
    "luminance": LuminanceOnly(),
    "content": ContentColors(),
}


@pytest.mark.parametrize("method", ["cholesky", "pca"])
def test_every_method_conforms(method):
    for check in conformance(Match, method=method):
        check()


def test_match_gives_the_painting_the_photographs_colours_and_leaves_the_rest():
    for method in ("ot", "cholesky", "pca"):
        found = MODES[method].transform(PAINTING, PHOTO)
        torch.testing.assert_close(found.mean((2, 3)), PHOTO.mean((2, 3)), atol=2e-3, rtol=0)
    assert MODES["ot"].content_image(PHOTO) is PHOTO
    assert MODES["ot"].finish(PAINTING, PHOTO) is PAINTING


def test_a_painting_in_the_colours_of_a_grey_photograph_is_grey():
    for method in ("ot", "cholesky", "pca"):
        found = MODES[method].transform(PAINTING, GREY)
        assert float((found - found.mean(1, keepdim=True)).abs().max()) < 0.03
        assert float(found.mean(1).std()) > 0.1


def test_luminance_sees_grey_images_of_the_photographs_brightness():
    mode = MODES["luminance"]
    style, content = mode.transform(PAINTING, PHOTO), mode.content_image(PHOTO)
    for image, of in ((style, PAINTING), (content, PHOTO)):
        assert image.shape == of.shape
        assert torch.equal(image[:, 0], image[:, 1])
        assert torch.equal(image[:, 0], image[:, 2])
    torch.testing.assert_close(content[:, :1], luminance(PHOTO))
    assert float(style.mean()) == pytest.approx(float(content.mean()), abs=1e-3)
    assert float(style.std()) == pytest.approx(float(content.std()), rel=1e-2)
    assert mode.parametrization == "luminance"


def test_matched_luminance_is_clamped_and_survives_one_value():
    one = torch.full((1, 1, 5, 5), 0.3)
    grey = luminance(PHOTO)
    torch.testing.assert_close(matched_luminance(one, grey), torch.full_like(one, float(grey.mean())))
    assert torch.isfinite(matched_luminance(grey, one)).all()
    found = matched_luminance(grey, torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2))
    assert (float(found.min()), float(found.max())) == (0.0, 1.0)


@pytest.mark.parametrize("mode", ["luminance", "content"])
def test_the_finished_picture_has_the_photographs_chroma(mode):
    pastiche = picture(20, 30, 7)
    found = MODES[mode].finish(pastiche, PHOTO)
    assert torch.equal(found, with_chroma_of(pastiche, PHOTO))
    grey = MODES[mode].finish(pastiche, GREY)
    torch.testing.assert_close(grey, luminance(pastiche).repeat(1, 3, 1, 1), atol=1e-5, rtol=0)


def test_content_leaves_the_optimization_alone():
    mode = MODES["content"]
    assert mode.transform(PAINTING, PHOTO) is PAINTING
    assert mode.content_image(PHOTO) is PHOTO
    assert mode.parametrization == ""


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_all_need_a_photograph(mode: ImageTransform):
    assert mode.needs_content
    with pytest.raises(JobError, match="no content image whose"):
        mode.finish(mode.transform(PAINTING, None), None)
