"""The version stands in one place, and a build says which commit it is of."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import nst_core
from nst_core import version

ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=nst", "-c", "user.email=nst@example.org")
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with a file, in which this package seems to lie."""
    (tmp_path / "nst_core").mkdir()
    (tmp_path / "setup.py").write_text("one\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "setup.py")
    git(tmp_path, "commit", "--quiet", "--message", "One")
    monkeypatch.setattr(version, "__file__", str(tmp_path / "nst_core" / "version.py"))
    return tmp_path


def test_the_version_stands_in_the_project_file_alone():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert nst_core.__version__ == importlib.metadata.version("nst") == stated
    for path in (*ROOT.glob("cpp/**/*.*"), ROOT / "setup.py", *ROOT.glob("nst_core/**/*.py")):
        assert f'"{stated}"' not in path.read_text(encoding="utf-8"), f"{path} repeats the version"


def test_the_command_shows_version_and_commit(nst, checkout):
    shown = nst("--version").out
    assert shown == f"nst {nst_core.__version__} (commit {git(checkout, 'rev-parse', '--short=10', 'HEAD')})\n"


def test_a_checkout_is_asked_each_time(checkout):
    first = version.commit()
    assert re.fullmatch(r"[0-9a-f]{10}", first)
    (checkout / "setup.py").write_text("two\n")
    assert version.commit() == f"{first}+dirty"
    git(checkout, "commit", "--quiet", "--all", "--message", "Two")
    second = version.commit()
    assert re.fullmatch(r"[0-9a-f]{10}", second)
    assert second != first


def test_tags_and_the_variables_of_hooks_do_not_matter(checkout, monkeypatch, tmp_path_factory):
    expected = version.commit()
    git(checkout, "tag", "-a", "v9.9", "--message", "A release")
    monkeypatch.setenv("GIT_DIR", str(tmp_path_factory.mktemp("elsewhere")))
    assert version.commit() == expected


def test_an_installed_package_says_what_was_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(version, "__file__", str(tmp_path / "version.py"))
    assert version.commit() == ""
    assert version.described() == nst_core.__version__
    (tmp_path / version.RECORD).write_text("0123456789+dirty\n")
    assert version.described() == f"{nst_core.__version__} (commit 0123456789+dirty)"


def test_without_git_there_is_a_version_and_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", str(checkout))
    assert version.described() == nst_core.__version__


def test_a_repository_around_an_installation_is_not_its_own(checkout):
    (checkout / "setup.py").unlink()
    assert version.commit() == ""
