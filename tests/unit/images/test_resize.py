"""Images change their size without artefacts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from sample_images import NOISE, SMOOTH

from nst_core import load_image
from nst_core.images import downscale
from nst_core.images.resize import resize, scaled_shape


def test_shrinking_does_not_alias(tmp_path):
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "a.png")
    for pixels in (
        load_image(tmp_path / "a.png", size=61).pixels,
        downscale(load_image(tmp_path / "a.png").pixels, 61),
    ):
        assert pixels.shape[-1] == 61
        assert float(pixels.std()) < 0.02
        assert float(pixels.mean()) == pytest.approx(0.5, abs=0.01)


def test_downscaling_keeps_proportions_and_range():
    assert downscale(NOISE, 20).shape == (1, 3, 15, 20)
    assert downscale(NOISE.transpose(2, 3), 20).shape == (1, 3, 20, 15)
    assert downscale(torch.rand(2, 3, 1, 500), 10).shape == (2, 3, 1, 10)
    checks = (torch.arange(60)[:, None] + torch.arange(60) > 59).float().expand(1, 3, 60, 60)
    small = downscale(checks, 17)
    assert float(small.min()) >= 0.0
    assert float(small.max()) <= 1.0


@pytest.mark.parametrize("size", [51, 52, 10_000])
def test_downscaling_returns_smaller_images_as_they_are(size):
    assert torch.equal(downscale(NOISE, size), NOISE)


@pytest.mark.parametrize(
    ("shape", "longest", "expected"),
    [((300, 200), 150, (150, 100)), ((200, 300), 150, (100, 150)), ((1, 500), 10, (1, 10)), ((3, 4), 8, (6, 8))],
)
def test_the_longer_side_is_the_one_that_was_asked_for(shape, longest, expected):
    assert scaled_shape(shape, longest) == expected


def test_resizing_keeps_a_gradient():
    for size in ((96, 128), (24, 32), (48, 100)):
        found = resize(SMOOTH, size)
        assert found.shape == (1, 3, *size)
        expected = (torch.arange(size[1]) + 0.5) / size[1]
        torch.testing.assert_close(found[0, 0, 0], expected, atol=0.02, rtol=0)


def test_resizing_stays_in_range():
    edge = (torch.arange(20) > 9).float().expand(1, 3, 20, 20)
    found = resize(edge, (55, 55))
    assert float(found.min()) == 0.0
    assert float(found.max()) == 1.0
