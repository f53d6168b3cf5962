"""The presets of the brief stay reproducible."""

from __future__ import annotations

import pytest

from nst_core import Session, make_job


@pytest.mark.parametrize(
    ("preset", "start", "alpha", "beta"), [("content", "content", 10.0, 1e7), ("noise", "noise", 100.0, 1e6)]
)
def test_the_table_of_the_brief(registry, preset, start, alpha, beta):
    job = make_job("p.jpg", "s.jpg", session=Session(registry), preset=preset)
    assert [(term.loss, term.weight, term.layers) for term in job.terms] == [
        ("mse-content", alpha, ("conv3_4",)),
        ("gram-style", beta, ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")),
    ]
    names = (job.extractor.name, job.initializer.name, job.optimizer.name, job.parametrization.name)
    assert names == ("auto", start, "lbfgs", "pixels")
