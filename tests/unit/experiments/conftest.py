"""A job of two small images, for tests of batches."""

from __future__ import annotations

import pytest
import torch

from nst_core import Job, Session, make_job, save_image


@pytest.fixture
def job(tmp_path, registry) -> Job:
    save_image(torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(0)), tmp_path / "photo.png")
    save_image(torch.rand(3, 50, 40, generator=torch.Generator().manual_seed(1)), tmp_path / "painting.png")
    options = {"preset": "content", "extractor": "tiny", "steps": 3, "size": 32, "precision": "fp32", "device": "cpu"}
    return make_job(tmp_path / "photo.png", tmp_path / "painting.png", session=Session(registry), **options)
