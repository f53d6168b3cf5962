"""`nst plugins new`: what it writes passes its own tests, and what cannot be written is explained."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from installed import install
from tiny import tiny_registry

from nst_cli.scaffolding.scaffold import scaffold_kinds, write_package
from nst_core.components import KINDS

ROOT = Path(__file__).resolve().parents[4]


# The tests of an executor start processes, and take as long as those of all others.
TOGETHER = [("executor",), tuple(kind for kind in scaffold_kinds() if kind != "executor")]


@pytest.mark.parametrize("kinds", TOGETHER, ids=" ".join)
def test_new_packages_pass_their_own_tests_and_our_lint(kinds, tmp_path):
    """Some at a time, as each process imports torch."""
    folders = [tmp_path / f"my-{kind}" for kind in kinds]
    for kind, folder in zip(kinds, folders, strict=True):
        write_package(f"my-{kind}", kind, folder, tiny_registry())
    sources = os.pathsep.join(str(folder / "src") for folder in folders)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-W", "error", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": sources, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "failed" not in done.stdout
    for folder in folders:
        assert f"PASSED {folder.name}/tests/" in done.stdout
    rules = ("--config", str(ROOT / "pyproject.toml"), "--ignore", "D1,ARG002,I001,S101")
    lint = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", *rules, "."], capture_output=True, text=True, cwd=tmp_path
    )
    assert lint.returncode == 0, lint.stdout
    leftovers = [p for p in tmp_path.rglob("*") if p.suffix in (".py", ".md", ".toml") and "$" in p.read_text()]
    assert leftovers == []


@pytest.mark.parametrize("kind", scaffold_kinds())
def test_a_new_package_is_found_by_its_entry_point(kind, tmp_path, nst, monkeypatch):
    folder = tmp_path / "package"
    write_package("my-first", kind, folder, tiny_registry())
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    (item,) = project["entry-points"]["nst"].items()
    install(folder / "src", project["name"], *item)
    monkeypatch.syspath_prepend(str(folder / "src"))
    for module in [m for m in sys.modules if m.startswith("nst_my_first")]:
        monkeypatch.delitem(sys.modules, module)
    shown = nst("plugins", "show", "my-first")
    assert shown.code == 0, shown.err
    assert "plugin 'my-first' of package nst-my-first 1.0" in shown.out
    use = KINDS[kind].usage.replace("NAME", "my-first").split()
    if kind == "executor":  # whose processes do not know the tiny network
        done = nst("batch", "photo.jpg", "--styles", "painting.png", "--fast", "--size", "32", "--steps", "2", *use)
        assert done.code == 0, done.err
        assert Path("nst-batch/photo-painting.png").exists()
        return  # its own tests are what `nst plugins check` would do again, and the slowest of all
    assert nst("plugins", "check", "my-first").code == 0
    network = () if kind == "extractor" else ("--extractor", "tiny")
    done = nst("run", "photo.jpg", "painting.png", "--steps", "2", *network, *use, "-o", "out.png")
    assert done.code == 0, done.err
    assert Path("out.png").exists()


def test_the_command_says_what_comes_next(nst):
    done = nst("plugins", "new", "warm-style")
    assert (done.code, done.out) == (0, "nst-warm-style\n")
    assert "pip install --no-build-isolation -e 'nst-warm-style'" in done.err
    assert Path("nst-warm-style/src/nst_warm_style/warm_style.py").exists()
    again = nst("plugins", "new", "warm-style")
    assert again.code == 2
    assert "exists and is not an empty folder" in again.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Warm",), "invalid name 'Warm'"),
        (("gram-style",), "loss 'gram-style' (plugin 'builtin' of package nst"),
        (("warm", "--kind", "los"), "unknown kind 'los'; did you mean 'loss'"),
        (("warm", "photo.jpg"), "'photo.jpg' exists and is not an empty folder"),
        (("warm", "photo.jpg/inner"), "could not be written"),
    ],
)
def test_what_cannot_be_written_is_explained(arguments, message, nst):
    done = nst("plugins", "new", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""
