"""Normalised gradients: weights as strengths, and a total that stays a function of the picture."""

from __future__ import annotations

import pytest
import torch
from problems import at, problem_of

from nst_core import Session, stylize
from nst_core.api import make_job

CONTENT, STYLE = (torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu", "normalize_gradients": True}


def test_normalized_gradients_are_one_at_noise_and_belong_to_the_value(registry):
    """Each loss pulls as strongly as its weight says; the total's gradient is that of finite differences."""
    job = make_job(CONTENT, STYLE, session=Session(registry), plugins=["w2-style", "tv"], content_weight=3.0, **OPTIONS)
    problem = problem_of(job, registry, CONTENT, STYLE)
    terms = {t.loss: t.weight for t in job.terms}
    assert terms == {"mse-content": 3.0, "w2-style": 10.0, "tv": 1.0}
    noise = (0.5 + 0.05 * torch.randn(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    for number, (loss, _) in enumerate(problem.objective.labels):
        leaf = noise.clone().requires_grad_()
        weights = [weight * (number == other) for other, weight in enumerate(problem.weights)]
        total = problem.objective(leaf, problem.targets, weights=weights).total
        (gradient,) = torch.autograd.grad(total, leaf)
        assert float(gradient.abs().mean()) == pytest.approx(terms[loss], rel=1e-4)
    leaf = CONTENT.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(at(problem, leaf).total, leaf)
    step = 0.01 * gradient / gradient.norm()
    with torch.no_grad():
        slope = at(problem, CONTENT + step).total - at(problem, CONTENT - step).total
    assert float(slope) == pytest.approx(2 * float((gradient * step).sum()), rel=0.02)


def test_normalized_gradients_do_not_mind_the_scale_of_a_loss(registry):
    images = []
    for plugins in (["gram-style:mean"], ["gram-style:gatys"]):
        result = stylize(CONTENT, STYLE, session=Session(registry), plugins=plugins, steps=12, **OPTIONS)
        images.append(result.image)
    torch.testing.assert_close(images[0], images[1], atol=1e-3, rtol=0)
