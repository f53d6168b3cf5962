"""The built-in initializers."""

from __future__ import annotations

import pytest
import torch

from nst_core import ImageError, JobError, save_image
from nst_plugins.initializers.content import ContentStart
from nst_plugins.initializers.image import ImageStart
from nst_plugins.initializers.noise import NoiseStart


def start(initializer, size=(24, 32), content=None, seed=0):
    return initializer.initial(size, content=content, style=None, generator=torch.Generator().manual_seed(seed))


def test_content_is_the_content_image():
    content = torch.rand(1, 3, 24, 32)
    assert torch.equal(start(ContentStart(), content=content), content)
    with pytest.raises(JobError, match="--init noise"):
        start(ContentStart())


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_noise_has_its_amplitude_and_depends_on_the_seed_alone(kind):
    noise = start(NoiseStart(kind, 0.1), (64, 96))
    assert noise.shape == (1, 3, 64, 96)
    assert noise.mean() == pytest.approx(0.5, abs=0.005)
    expected = 0.1 if kind == "normal" else 0.1 / 3**0.5
    assert noise.std() == pytest.approx(expected, rel=0.03)
    assert torch.equal(noise, start(NoiseStart(kind, 0.1), (64, 96)))
    assert not torch.equal(noise, start(NoiseStart(kind, 0.1), (64, 96), seed=1))
    torch.manual_seed(99)
    assert torch.equal(noise, start(NoiseStart(kind, 0.1), (64, 96)))


def test_noise_stays_in_the_box_and_refuses_amplitudes_outside():
    wild = start(NoiseStart("normal", 0.5))
    assert wild.min() == 0
    assert wild.max() == 1
    with pytest.raises(ValueError, match=r"0 to 0\.5"):
        NoiseStart("normal", 0.6)


def test_a_file_is_resized_and_pinned(tmp_path):
    picture = torch.rand(1, 3, 24, 32)
    save_image(picture, tmp_path / "start.png")
    first = ImageStart(str(tmp_path / "start.png"))
    torch.testing.assert_close(start(first), picture, atol=0.5 / 255 + 1e-6, rtol=0)
    assert start(ImageStart(str(tmp_path / "start.png")), (40, 50)).shape == (1, 3, 40, 50)
    digest = first.pinned()["sha256"]
    assert len(digest) == 64
    save_image(1 - picture, tmp_path / "start.png")
    with pytest.raises(JobError, match="not the one"):
        start(ImageStart(str(tmp_path / "start.png"), digest))
    with pytest.raises(JobError, match="image:path=FILE"):
        start(ImageStart())
    with pytest.raises(ImageError, match="does not exist"):
        start(ImageStart(str(tmp_path / "gone.png")))
