"""Weight files of a toy network."""

from __future__ import annotations

import pytest
import torch
from toy_weights import tensors


@pytest.fixture
def state_dict(tmp_path):
    """A full state dict with a classifier that nobody needs."""
    path = tmp_path / "toy.pth"
    torch.save(tensors() | {"classifier.0.weight": torch.zeros(7, 5)}, path)
    return path


@pytest.fixture
def official(tmp_path):
    """A state dict on a server; `with_official` makes the toy network download it."""
    folder = tmp_path / "server"
    folder.mkdir()
    torch.save(tensors(5), folder / "toy-official.pth")
    return folder / "toy-official.pth"
