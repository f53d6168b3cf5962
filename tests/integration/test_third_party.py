"""Packages of third parties, built and installed as users install them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nst_core import load_image, save_image

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
PACKAGES = ("third-party", "crashing", "duplicate", "misspelt")


def python(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder into which the wheels of all fixtures are installed, without network and build isolation."""
    folder = tmp_path_factory.mktemp("third-party")
    for name in PACKAGES:
        shutil.copytree(FIXTURES / name, folder / "source" / name)  # setuptools leaves its build folder there
    sources = [folder / "source" / name for name in PACKAGES]
    pip = ("-m", "pip", "--disable-pip-version-check", "-q")
    built = python(*pip, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", folder / "wheels", *sources)
    assert built.returncode == 0, built.stderr
    wheels = sorted((folder / "wheels").glob("*.whl"))
    assert len(wheels) == len(PACKAGES)
    installed = python(*pip, "install", "--no-deps", "--no-index", "--target", folder / "site", *wheels)
    assert installed.returncode == 0, installed.stderr
    return folder / "site"


@pytest.fixture
def nst(site, tmp_path):
    """Run the command in a process that sees these packages and the tiny extractor."""
    from installed import install

    tiny = install(tmp_path / "tiny", "tiny-package", "tiny", "tiny")
    tests = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (site, tiny, tests))), "OMP_NUM_THREADS": "1"}

    def run(*arguments) -> subprocess.CompletedProcess:
        program = "import sys; from nst_cli.main import main; main()"
        return python("-c", program, *arguments, cwd=tmp_path, env=environment)

    return run


def test_a_wheel_of_a_third_party_is_listed_and_works(nst, tmp_path):
    listed = json.loads(nst("plugins", "--json").stdout)
    (mine,) = [c for c in listed["components"] if c["name"] == "posterize"]
    assert (mine["package"], mine["version"], mine["role"]) == ("nst-posterize", "1.5", "regularizer")
    assert mine["parameters"] == [{"name": "levels", "type": "int", "default": 4, "choices": []}]

    save_image(torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0)), tmp_path / "photo.png")
    images = ("photo.png", "photo.png", "--extractor", "tiny", "-o", "levels.png")
    done = nst("run", *images, "--steps", "40", "--optimizer", "adam", "--plugin", "posterize:2,weight=1e9")
    assert done.returncode == 0, done.stderr
    before, after = (load_image(tmp_path / name).pixels for name in ("photo.png", "levels.png"))
    extreme = [float(((pixels < 0.1) | (pixels > 0.9)).float().mean()) for pixels in (before, after)]
    assert extreme[0] < 0.3
    assert extreme[1] > 0.9


def test_the_kit_checks_an_installed_package(nst):
    done = nst("plugins", "check", "posterize")
    assert done.returncode == 0, done.stdout
    assert "posterize: 7 checks, 0 failed" in done.stderr


def test_broken_packages_are_explained_and_stop_nothing(nst):
    done = nst("plugins")
    assert done.returncode == 0
    assert "gram-style" in done.stdout
    assert "posterize" in done.stdout
    said = {line.split("'")[1]: line for line in done.stderr.splitlines()}
    assert set(said) == {"crashing", "duplicate", "misspelt"}
    assert "package nst-crashing 1.5: ModuleNotFoundError: No module named 'no_such_library'" in said["crashing"]
    assert "loss 'tv': the name is taken by plugin 'builtin' of package nst" in said["duplicate"]
    assert "nst_register_loses" in said["misspelt"]
    assert "did you mean 'nst_register_losses'?" in said["misspelt"]
    for name in said:
        assert "failed: plugin" in said[name]


def test_a_package_can_be_left_out(nst, site, monkeypatch):
    monkeypatch.setenv("NST_DISABLE_PLUGINS", "nst-crashing,duplicate,misspelt")
    done = python("-c", "from nst_cli.main import main; main()", "plugins", env={**os.environ, "PYTHONPATH": str(site)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "posterize" in done.stdout
