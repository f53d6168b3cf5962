"""Fragments have names that towncrier understands, and become a changelog."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "changelog.d"
KINDS = ("added", "changed", "fixed", "removed")
OTHERS = ("template.md.jinja", ".gitkeep")
NAME = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md")


def towncrier(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "towncrier", *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path):
    """The settings of this project, without its fragments."""
    (tmp_path / "changelog.d").mkdir()
    for name in ("pyproject.toml", "CHANGELOG.md", "changelog.d/template.md.jinja"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_every_fragment_has_a_legal_name_and_a_text():
    for path in FOLDER.iterdir():
        if path.name not in OTHERS:
            assert NAME.fullmatch(path.name), (
                f"changelog.d/{path.name}: name it TOPIC.KIND.md, TOPIC in lower case with hyphens, KIND one of "
                + ", ".join(KINDS)
            )
            assert path.read_text(encoding="utf-8").strip(), f"changelog.d/{path.name} is empty"


def test_a_draft_of_the_changelog_has_every_fragment():
    draft = towncrier(ROOT, "build", "--draft")
    assert draft.startswith("## ")
    words = " ".join(draft.split())
    for path in FOLDER.glob("*.md"):
        assert " ".join(path.read_text(encoding="utf-8").split()) in words, path.name


def test_a_release_puts_the_fragments_above_the_version_before(project):
    (project / "changelog.d/one.added.md").write_text("A first\nthing.\n")
    (project / "changelog.d/two.fixed.md").write_text("A second thing.\n")
    (project / "changelog.d/three.added.md").write_text("A third thing.\n")
    before = (project / "CHANGELOG.md").read_text(encoding="utf-8")
    towncrier(project, "build", "--yes", "--version", "9.8", "--date", "2031-02-03")
    after = (project / "CHANGELOG.md").read_text(encoding="utf-8")
    expected = """## 9.8 (2031-02-03)

### Added

- A first
  thing.
- A third thing.

### Fixed

- A second thing.

"""
    head, marker, older = before.partition("<!-- towncrier release notes start -->\n")
    assert marker
    assert after.split() == (head + marker + expected + older).split()
    assert expected in after
    assert [path.name for path in (project / "changelog.d").iterdir()] == ["template.md.jinja"]
