"""Fixtures for all tests: a home of their own, real weights and images where there are some, a tiny network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny import tiny_registry

from nst_core import Registry


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from the user's weights, caches and settings."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NST_HOME", str(home / "nst"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    for name in ("NST_LOAD_PLUGINS", "NST_DISABLE_PLUGINS", "NST_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _default_random_state() -> Iterator[None]:
    """Tests must not depend on each other through torch's global generator."""
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def _from_environment(variable: str, what: str) -> Path:
    value = os.environ.get(variable, "")
    if not value:
        pytest.skip(f"{what} needed: set {variable}")
    path = Path(value)
    assert path.exists(), f"{variable} names {path}, which does not exist"
    return path


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """A safetensors file with ImageNet weights of VGG-19."""
    return _from_environment("NST_TEST_WEIGHTS", "real VGG-19 weights")


@pytest.fixture(scope="session")
def real_images() -> Path:
    """A folder with tubingen.jpg, hoovertowernight.jpg, starry_night.jpg and shipwreck.jpg."""
    return _from_environment("NST_TEST_IMAGES", "photographs and paintings")


@pytest.fixture
def registry() -> Registry:
    """The built-ins and a tiny seeded network called `tiny`."""
    return tiny_registry()
