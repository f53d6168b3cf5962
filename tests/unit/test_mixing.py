"""Fine strokes of one style image on the coarse forms of another."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_registry

from nst_core import JobError, Session, Source, make_job, mix_scales
from nst_core.images import downscale
from nst_core.mixing import mix_job

OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu", "size": 64}


@pytest.fixture
def session() -> Session:
    return Session(tiny_registry())


def noise(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def forms(height: int, width: int) -> torch.Tensor:
    """Dark above, light below."""
    return torch.linspace(0.2, 0.8, height)[:, None].expand(1, 3, height, width).contiguous()


def test_the_job_has_fine_style_layers_alone_and_starts_from_the_coarse_image(session):
    job = mix_job("fine.jpg", "coarse.jpg", session=session, plugins=["gram-style:layers=c+b=2+a"], **OPTIONS)
    assert [(term.loss, term.layers, term.layer_weights) for term in job.terms] == [
        ("gram-style", ("b", "a"), (2.0, 1.0))
    ]
    assert (job.content.path, [style.path for style in job.styles]) == ("coarse.jpg", ["fine.jpg"])
    assert (job.initializer.name, job.levels, job.enlarge) == ("content", (), True)
    chosen = mix_job("fine.jpg", "coarse.jpg", session=session, **OPTIONS, style_layers=["c"])
    assert [term.layers for term in chosen.terms] == [("c",)]
    with pytest.raises(JobError, match="no style loss looks at a layer with a stride of at most 2"):
        mix_job("fine.jpg", "coarse.jpg", session=session, plugins=["gram-style:layers=c"], **OPTIONS)


def test_a_base_gives_its_network_and_losses_but_not_its_images(session):
    base = make_job(
        "photo.jpg", ["a.jpg", "b.jpg"], session=session, plugins=["gram-style"], style_scale=[2, 3], seed=4, **OPTIONS
    )
    job = mix_job("fine.jpg", "coarse.jpg", session=session, base=base, size=100)
    assert job.styles == (Source("fine.jpg"),)
    assert (job.extractor, job.seed, job.size) == (base.extractor, 4, 100)
    assert [term.loss for term in job.terms] == ["gram-style"]


def test_what_controls_the_picture_does_not_control_the_mixed_image(session):
    base = make_job(
        "photo.jpg", "a.jpg", session=session, regions=["sky=sky.png"], keep="k.png", outside="free", color="luminance",
        **OPTIONS,
    )  # fmt: skip
    job = mix_job("fine.jpg", "coarse.jpg", session=session, base=base)
    assert (job.regions, job.keep, job.outside, job.color) == ((), None, "style", None)


def test_strokes_become_those_of_the_fine_image_and_forms_stay(session):
    coarse, fine = forms(48, 64), noise(40, 40, 1)
    result = mix_scales(fine, coarse, session=session, plugins=["gram-style"], steps=80, **OPTIONS)
    assert result.image.shape == coarse.shape
    assert result.total < 0.1 * result.history[0]
    blurred = downscale(result.image, 8)
    assert blurred[..., -1, :].mean() > blurred[..., 0, :].mean() + 0.1
    grain = result.image - torch.nn.functional.avg_pool2d(result.image, 5, 1, 2, count_include_pad=False)
    assert grain.std() > 0.05


def test_the_mixed_image_has_the_size_that_is_asked_for(session):
    result = mix_scales(noise(30, 30, 2), forms(12, 16), session=session, steps=2, **OPTIONS)
    assert result.image.shape[-2:] == (48, 64)
