"""The packages depend on each other in one direction, and what the command's help needs does not import torch."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEVELS = (
    {"errors", "extras", "provenance", "version"},
    {"files", "job", "ops"},
    {"images", "weights"},
    {"components"},
    {"plugins", "runtime", "options"},
    {"objective"},
    {"planning", "export"},
    {"testing"},  # above export: an extractor conforms if it can be exported
    {"engine"},
    {"api"},
    {"diagnostics", "experiments", "mixing"},  # above api: they make and run jobs as any other user of the API does
    {"video"},
)
"""Packages and modules of nst_core from bottom to top. Each may import those of lower levels, and none beside it."""

FOLDERS = {"nst_core": ".", "nst_plugins": "plugins", "nst_cli": "cli"}
PUBLIC = {"nst_core", "nst_core.ops", "nst_core.weights"}
"""What the built-ins may import: the public API and the packages that docs/plugins describes."""

WITHOUT_TORCH = (
    "nst_cli",
    "nst_cli.main",
    "nst_core",
    "nst_core.errors",
    "nst_core.extras",
    "nst_core.files",
    "nst_core.job",
    "nst_core.job.bounds",
    "nst_core.job.named_files",
    "nst_core.job.schedule",
    "nst_core.job.schema",
    "nst_core.job.serialization",
    "nst_core.options.build",
    "nst_core.options.context",
    "nst_core.options.losses",
    "nst_core.options.option",
    "nst_core.options.recipes",
    "nst_core.options.regions",
    "nst_core.options.table",
    "nst_core.options.types",
    "nst_core.planning.resources",
    "nst_core.plugins.commands",
    "nst_core.plugins.entry_points",
    "nst_core.plugins.hookspecs",
    "nst_core.provenance",
    "nst_core.runtime.limits",
    "nst_core.version",
)
"""Modules that the command's help, the recipes and the finding of plugins need."""


def name_of(path: Path, folder: str) -> str:
    parts = path.relative_to(ROOT / folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules(package: str) -> dict[str, Path]:
    """Return the files of a package by the names of their modules."""
    folder = FOLDERS[package]
    return {name_of(path, folder): path for path in sorted((ROOT / folder / package).rglob("*.py"))}


def imported(source: str, module: str, known: set[str]) -> Iterator[tuple[str, int]]:
    """Give what a module imports, and in which line: inside functions and for type checkers, too.

    ``from package import name`` imports the module ``package.name`` where there is one.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: import by the full name"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in known else str(node.module)), node.lineno


@functools.cache
def imports(package: str) -> tuple[tuple[str, str, int], ...]:
    """Return who imports what of our packages, and in which line."""
    known = {name for each in FOLDERS for name in modules(each)}
    return tuple(
        (module, target, line)
        for module, path in modules(package).items()
        for target, line in imported(path.read_text(encoding="utf-8"), module, known)
        if target.partition(".")[0] in FOLDERS
    )


def part(module: str) -> str:
    """Return the package or module of nst_core that a module belongs to; "" for nst_core itself."""
    return ".".join(module.split(".")[1:2])


def levels() -> dict[str, int]:
    return {name: number for number, names in enumerate(LEVELS) for name in names}


def upward(found: tuple[tuple[str, str, int], ...]) -> list[str]:
    """Return the imports that do not lead to a lower level."""
    level = levels()
    return [
        f"{module}:{line} imports {target}"
        for module, target, line in found
        if part(module) and part(module) != part(target) and not level.get(part(target), 99) < level[part(module)]
    ]


def test_every_package_has_one_level():
    assert sum(len(names) for names in LEVELS) == len(levels())
    assert {part(module) for module in modules("nst_core")} == {"", *levels()}


def test_no_import_leads_upward():
    assert upward(imports("nst_core")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nst_core.ops.gram", "from nst_core.engine.run import Run"),
        ("nst_core.ops.gram", "def f():\n    from nst_core import Run"),
        ("nst_core.ops.gram", "if TYPE_CHECKING:\n    import nst_core.engine.run"),
        ("nst_core.ops.gram", "from nst_core import job"),
        ("nst_core.plugins.commands", "from nst_core.options import table"),
    ],
)
def test_an_import_upward_or_sideways_would_be_found(module, source):
    known = {*modules("nst_core")}
    assert upward(tuple((module, target, line) for target, line in imported(source, module, known)))


def test_modules_of_a_package_do_not_import_each_other_in_a_circle():
    """Neither when they are imported; what a function imports later may be above it."""
    for package in FOLDERS:
        known = {*modules(package)}
        edges = {
            module: {target for target, _ in imported(_at_import(path), module, known) if target in known} - {module}
            for module, path in modules(package).items()
        }
        while free := [module for module, targets in edges.items() if not targets & edges.keys()]:
            for module in free:
                del edges[module]
        assert edges == {}, package


def _at_import(path: Path) -> str:
    """Return the imports that run when a module is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))


def test_the_core_knows_neither_plugins_nor_command():
    assert {target.partition(".")[0] for _, target, _ in imports("nst_core")} == {"nst_core"}


def test_the_command_knows_no_plugin():
    assert "nst_plugins" not in {target.partition(".")[0] for _, target, _ in imports("nst_cli")}


def test_the_built_ins_use_only_what_third_parties_can_use():
    used = {
        target
        for module, path in modules("nst_plugins").items()
        for target, _ in imported(path.read_text(encoding="utf-8"), module, set())
    }
    assert {name for name in used if name.startswith("nst_") and not name.startswith("nst_plugins")} <= PUBLIC


def test_help_recipes_and_the_finding_of_plugins_do_not_import_torch():
    program = (
        "import importlib, json, sys\nfound = {}\n"
        f"for name in {WITHOUT_TORCH!r}:\n"
        "    importlib.import_module(name)\n"
        "    found[name] = [large for large in ('torch', 'numpy', 'PIL') if large in sys.modules]\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: [] for name in WITHOUT_TORCH}


def test_the_modules_that_say_so_do_not_import_torch():
    """A docstring that promises it is in the list."""
    for package in FOLDERS:
        for name, path in modules(package).items():
            if "mports no torch" in (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""):
                assert name in WITHOUT_TORCH, name
