"""Total variation."""

from __future__ import annotations

import pytest
import torch

from nst_core.experiments.metrics import total_variation


def test_total_variation():
    ramp = torch.arange(4.0).expand(1, 3, 2, 4) / 4
    assert total_variation(ramp) == pytest.approx(3 * 2 * 3 / 16 / 8)
    assert total_variation(torch.full((1, 3, 5, 5), 0.3)) == 0.0
