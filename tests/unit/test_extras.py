"""What an extra needs is read from what was installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from nst_core import install_command

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that says what it needs, as pip would have written it."""
    info = tmp_path / "nst_warm-1.0.dist-info"
    info.mkdir()
    needs = ("rich", 'gradio<7,>=6.31; extra == "ui"', "uvicorn>=0.35 ; python_version > \"3\" and extra == 'ui'")
    needs += ('heavy; extra == "with-much"',)
    lines = ["Metadata-Version: 2.1", "Name: nst-warm", "Version: 1.0", *(f"Requires-Dist: {need}" for need in needs)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_what_is_needed_is_named_and_not_the_package(installed):
    assert install_command("ui", "nst-warm") == (
        'pip install "gradio<7,>=6.31" "uvicorn>=0.35; python_version > \'3\'"'
    )


def test_names_of_extras_may_be_spelled_in_several_ways(installed):
    assert install_command("With_Much", "nst-warm") == 'pip install "heavy"'


@pytest.mark.parametrize("names", [("other", "nst-warm"), ("ui", "nst-of-nobody")])
def test_where_nothing_is_known_the_folder_is_named(installed, names):
    extra, package = names
    assert install_command(*names) == f'pip install ".[{extra}]" in the folder of {package}'


@pytest.mark.parametrize("extra", ["heif", "plot", "ray", "testing", "ui", "video"])
def test_the_extras_of_nst_are_there(extra):
    command = install_command(extra)
    for requirement in EXTRAS[extra]:
        assert f'"{requirement.partition(">=")[0]}' in command
