"""Fixtures for all tests: a home of their own, real weights and images where there are some, a tiny network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from installed import install
from random_weights import save_random_vgg19
from tiny import tiny_registry

from nst_cli.main import main
from nst_cli.plugin_commands import plugin_commands
from nst_core import Registry, save_image
from nst_core.plugins.discovery import default_registry


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


@pytest.fixture(scope="session")
def random_vgg19(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight set of VGG-19 with seeded random numbers that keep the signal alive."""
    return save_random_vgg19(tmp_path_factory.mktemp("weights") / "random.safetensors")


@pytest.fixture
def registry() -> Registry:
    """The built-ins and a tiny seeded network called `tiny`."""
    return tiny_registry()


@dataclass
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def nst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Done]]:
    """Run the command in an empty folder with two pictures, with the tiny extractor installed."""
    site = install(tmp_path / "site", "tiny-package", "tiny", "tiny")
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    default_registry.cache_clear()
    plugin_commands.cache_clear()
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    save_image(torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(0)), "photo.jpg")
    save_image(torch.rand(3, 50, 40, generator=torch.Generator().manual_seed(1)), "painting.png")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["nst", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return Done(int(stop.value.code or 0), said.out, said.err)

    yield run
    default_registry.cache_clear()
    plugin_commands.cache_clear()
