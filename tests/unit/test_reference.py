"""The pages of docs/reference are what tools/make_reference.py makes of the code."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from tiny import tiny_registry

from nst_cli import exit_codes
from nst_cli.main import COMMANDS
from nst_core import Component, Job, Region, Source, Term
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


NAMES = ["commands", "components", "environment", "exit-codes", "limits", "options", "recipe"]


@pytest.mark.parametrize("name", [f"{name}.md" for name in NAMES])
def test_the_pages_are_up_to_date(maker, name):
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == maker.pages()[name], "run: python tools/make_reference.py"


def test_all_pages_are_in_the_folder(maker):
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == {*maker.pages()}


def test_the_program_writes_them(maker, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["make_reference.py", str(tmp_path / "pages")])
    maker.main()
    assert (tmp_path / "pages" / "options.md").read_text(encoding="utf-8") == maker.options_page()
    assert capsys.readouterr().out.count("\n") == len(NAMES)


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


def test_every_command_has_a_section(maker):
    page = maker.commands_page()
    assert all(f"\n## nst {name}\n" in page for name in COMMANDS)
    assert "\n### nst plugins check\n" in page
    assert "| `--badge` <code>FILE</code> |" in page
    assert "`--strength`" not in page, "the options of jobs have a page of their own"


def test_every_field_of_a_recipe_is_in_its_page(maker):
    page = maker.recipe_page()
    for cls in (Job, Term, Source, Region, Component):
        assert all(f"\n| `{field.name}` | " in page for field in dataclasses.fields(cls))


def variables_in_the_code() -> set[str]:
    """Environment variables that are read or set somewhere, by their names in quotes."""
    found = set()
    folders = ("nst_core", "plugins", "cli", "benchmarks", "tests/integration", "tools")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    for path in (*files, ROOT / "setup.py", ROOT / "tests" / "conftest.py"):
        texts = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        ]
        found |= {text for text in texts if isinstance(text, str) and re.fullmatch(r"NST_[A-Z_]+", text)}
    for folder in ("cpp", "tests/cpp"):
        for path in (ROOT / folder).rglob("*.*"):
            text = path.read_text(encoding="utf-8") if path.suffix in (".cpp", ".h", ".txt", ".cmake") else ""
            found |= set(re.findall(r"(?:getenv\(\"|ENV\{)(NST_[A-Z_]+)", text))
    return found


def test_every_environment_variable_is_in_its_page_and_no_other(maker):
    told = [name for variables in maker.ENVIRONMENT.values() for name in variables if name.startswith("NST_")]
    assert sorted(told) == sorted(variables_in_the_code())


def test_exit_codes_are_those_of_the_table():
    """Commands end with a code that has a meaning, or with that of a signal."""
    for path in (ROOT / "cli" / "nst_cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.Exit", "sys.exit"):
                assert all(ast.unparse(code) in ALLOWED_CODES for code in node.args), (
                    f"{path.name}: {ast.unparse(node)}"
                )
    assert {exit_codes.FAILED, exit_codes.REFUSED} < {*exit_codes.MEANINGS}


ALLOWED_CODES = ("exit_codes.FAILED", "interruption.exit_code()", "_report(error, debug)")


def test_other_packages_are_not_in_the_page(maker, nst):
    assert maker.components_page() == (ROOT / "docs" / "reference" / "components.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "text"), [(1e7, "1e7"), (100.0, "100"), (0.5, "0.5"), (1e-7, "1e-7"), (2.5e12, "2.5e12")]
)
def test_numbers_are_written_as_people_do(maker, value, text):
    assert maker._number(value) == text
