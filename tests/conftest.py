"""Fixtures for all tests: a home of their own, real weights and images where there are some, a tiny network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
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
from nst_plugins.extractors.vgg import Vgg19

EMBEDDED = Vgg19.architecture.embedded
assert EMBEDDED is not None


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


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """A safetensors file with ImageNet weights of VGG-19: the embedded one, or that in NST_TEST_WEIGHTS."""
    path = Path(os.environ.get("NST_TEST_WEIGHTS") or EMBEDDED)
    assert path.exists(), f"{path} does not exist; see NST_TEST_WEIGHTS"
    return path


@pytest.fixture(scope="session")
def real_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tubingen.jpg, hoovertowernight.jpg, starry_night.jpg and shipwreck.jpg.

    Without NST_TEST_IMAGES the bundled samples stand in: twice the photograph, twice the painting.
    """
    if given := os.environ.get("NST_TEST_IMAGES"):
        assert Path(given).exists(), f"NST_TEST_IMAGES names {given}, which does not exist"
        return Path(given)
    folder = tmp_path_factory.mktemp("images")
    samples = resources.files("nst_core.images.samples")
    for name in ("tubingen", "hoovertowernight"):
        (folder / f"{name}.jpg").write_bytes((samples / "landscape.jpg").read_bytes())
    for name in ("starry_night", "shipwreck"):
        (folder / f"{name}.jpg").write_bytes((samples / "brushwork.jpg").read_bytes())
    return folder


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
