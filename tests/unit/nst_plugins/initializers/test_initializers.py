"""The built-in initializers."""

from __future__ import annotations

import pytest
import torch

from nst_core import InitialSources, JobError
from nst_plugins.initializers.blend import BlendStart
from nst_plugins.initializers.content import ContentStart
from nst_plugins.initializers.image import ImageStart
from nst_plugins.initializers.noise import NoiseStart
from nst_plugins.initializers.style import StyleStart


def start(initializer, size=(24, 32), content=None, style=None, seed=0, file=None):
    sources = InitialSources(content, () if style is None else (style,), {} if file is None else {"path": file})
    return initializer.initial(size, sources, torch.Generator().manual_seed(seed))


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


def test_a_file_is_resized():
    picture = torch.rand(1, 3, 24, 32)
    assert torch.equal(start(ImageStart("start.png"), file=picture), picture)
    assert start(ImageStart("start.png"), (40, 50), file=picture).shape == (1, 3, 40, 50)
    with pytest.raises(JobError, match="image:path=FILE"):
        start(ImageStart())


def test_gray_noise_has_one_value_a_pixel():
    noise = start(NoiseStart("gray", 0.1), (64, 96))
    assert torch.equal(noise[:, 0], noise[:, 2])
    assert noise.std() == pytest.approx(0.1, rel=0.03)


def test_matched_noise_has_the_colours_of_the_style_image():
    mixing = torch.tensor([[0.08, 0.0, 0.0], [0.05, 0.03, 0.0], [-0.04, 0.02, 0.02]])
    colours = mixing @ torch.randn(3, 2000, generator=torch.Generator().manual_seed(1))
    style = (torch.tensor([0.4, 0.5, 0.6])[:, None] + colours).reshape(1, 3, 40, 50)
    noise = start(NoiseStart("matched"), (100, 100), style=style)
    torch.testing.assert_close(noise.mean(dim=(2, 3)), style.mean(dim=(2, 3)), atol=0.004, rtol=0)
    torch.testing.assert_close(noise.flatten(2)[0].cov(), style.flatten(2)[0].cov(), atol=4e-4, rtol=0)
    grey = start(NoiseStart("matched"), style=torch.full((1, 3, 8, 8), 0.3))
    torch.testing.assert_close(grey, torch.full_like(grey, 0.3))
    with pytest.raises(JobError, match="needs a style image"):
        start(NoiseStart("matched"))


def test_style_is_cut_in_the_middle_and_resized():
    style = torch.rand(1, 3, 24, 50)
    assert torch.equal(start(StyleStart(), (24, 32), style=style), style[..., 9:41])
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)  # dark left, bright right: proportions must stay
    small = start(StyleStart(), (24, 12), style=ramp)
    assert small.shape == (1, 3, 24, 12)
    assert float(small[..., 0].mean()) == pytest.approx(0.27, abs=0.02)
    assert float(small[..., -1].mean()) == pytest.approx(0.73, abs=0.02)
    with pytest.raises(JobError, match="no style image to start from"):
        start(StyleStart())


def test_blend_is_between_its_two_images():
    content, style = torch.rand(1, 3, 24, 32), torch.rand(1, 3, 24, 32)
    for amount in (0.0, 0.3, 1.0):
        found = start(BlendStart("style", amount), content=content, style=style)
        torch.testing.assert_close(found, (1 - amount) * content + amount * style)
    noisy = start(BlendStart(amount=0.5), (64, 96), content=torch.full((1, 3, 64, 96), 0.5))
    assert noisy.std() == pytest.approx(0.125, rel=0.05)
    with pytest.raises(JobError, match="no content image"):
        start(BlendStart())
    with pytest.raises(ValueError, match="amount must be from 0 to 1"):
        BlendStart(amount=1.5)
