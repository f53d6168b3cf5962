"""The pages of docs/reference are what tools/make_reference.py makes of the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from tiny import tiny_registry

from nst_core.job.bounds import BOUNDS
from nst_core.options import build, table
from nst_core.options.table import OPTIONS, Option
from nst_core.options.types import INTEGER

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The program as a module; tools are no package."""
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "tools" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["options.md", "components.md", "limits.md"])
def test_the_pages_are_up_to_date(maker, name):
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == maker.pages()[name], "run: python tools/make_reference.py"


def test_all_pages_are_in_the_folder(maker):
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == {*maker.pages()}


def test_the_program_writes_them(maker, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["make_reference.py", str(tmp_path / "pages")])
    maker.main()
    assert (tmp_path / "pages" / "options.md").read_text(encoding="utf-8") == maker.options_page()
    assert capsys.readouterr().out.count("\n") == 3


def test_one_more_row_is_one_more_section(maker, monkeypatch):
    row = Option("my_option", INTEGER, build.set_field("seed"), "A number.", metavar="K", key="mykey", source="style")
    monkeypatch.setattr(table, "OPTIONS", (*OPTIONS, row))
    section = (
        "### my_option\n\nA number.\n\n"
        "- Python: `my_option`, integer\n"
        "- Command line: `--my-option K`, in all job commands except `nst reconstruct`\n"
        "- Sweep: `mykey`\n"
        "- Default: none\n"
    )
    assert section in maker.options_page()


def test_every_option_and_every_component_has_a_section(maker):
    options, components = maker.options_page(), maker.components_page()
    for option in OPTIONS:
        assert options.count(f"\n### {option.name}\n") == 1
        assert option.type.name in maker.TYPES
        assert all(f"`{flag}" in options for flag in option.flags)
    for entry in tiny_registry().entries():
        if entry.origin.plugin == "builtin":
            assert f"\n### {entry.name}\n" in components
            assert all(f"\n| `{parameter.name}` | " in components for parameter in entry.parameters)
    assert "tiny" not in components


def test_every_bound_is_in_the_page_of_limits(maker):
    assert maker.limits_page().count("\n| ") == len(BOUNDS) + 6
    assert "| steps | 1 to 1,000,000 |" in maker.limits_page()
    assert "| share of a style image in the blend | 0, or 1e-30 to 1e30 |" in maker.limits_page()


def test_other_packages_are_not_in_the_page(maker, nst):
    assert maker.components_page() == (ROOT / "docs" / "reference" / "components.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "text"), [(1e7, "1e7"), (100.0, "100"), (0.5, "0.5"), (1e-7, "1e-7"), (2.5e12, "2.5e12")]
)
def test_numbers_are_written_as_people_do(maker, value, text):
    assert maker._number(value) == text
