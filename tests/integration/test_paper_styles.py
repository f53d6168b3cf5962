"""Styles on white paper, with the embedded network: the default optimizer comes as low as a patient one."""

from __future__ import annotations

import pytest
from paper_styles import PAPER_STYLES

from nst_core import Session, stylize

SIZE = 96
EVALUATIONS = 100


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.mark.parametrize("name", PAPER_STYLES)
def test_lbfgs_ends_no_higher_than_adam_with_three_times_the_evaluations(session, name):
    """Where most pixels belong at a bound, a clamp without a restoring force freezes L-BFGS 10 to 500 times higher."""

    def total(optimizer: str, steps: int) -> float:
        style = PAPER_STYLES[name](SIZE)
        options = {"size": SIZE, "extractor": "vgg19-lite", "optimizer": optimizer, "steps": steps, "precision": "fp32"}
        return stylize("sample:landscape", style, session=session, **options).total

    assert total("lbfgs", EVALUATIONS) < 1.2 * total("adam", 3 * EVALUATIONS)
