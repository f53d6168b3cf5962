"""Writing a new plugin package from templates."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from nst_core.components.names import check_name
from nst_core.errors import JobError, unknown_name
from nst_core.files import exists, is_folder

if TYPE_CHECKING:
    from nst_core.components.registry import Registry

__all__ = ["scaffold_kinds", "write_package"]


def scaffold_kinds() -> list[str]:
    """Return the kinds of component that a package can be made for."""
    from nst_core.components import KINDS

    return [kind.name for kind in KINDS.values() if kind.scaffold]


def write_package(name: str, kind: str, folder: Path, registry: Registry) -> None:
    """Write a package with one component.

    Args:
        name: of the component, kebab-case; the package is called ``nst-NAME``.
        kind: one of :func:`scaffold_kinds`.
        folder: to be made, or empty.
        registry: what is installed already.

    Raises:
        JobError: the name is invalid or taken, or the folder is not empty or cannot be written to.
        UnknownNameError: there is no such kind.
    """
    if kind not in scaffold_kinds():
        raise unknown_name("kind", kind, scaffold_kinds())
    check_name(name)
    taken = [entry for entry in registry.entries(kind) if entry.name == name]
    if taken:
        raise JobError(f"{taken[0]} has that name already; choose another")
    if exists(folder) and (not is_folder(folder) or any(folder.iterdir())):
        raise JobError(f"'{folder}' exists and is not an empty folder; give another folder after the name")
    values = _values(name, kind)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for path, text in _texts(kind, values):
                target = Path(scratch, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            shutil.copytree(scratch, folder, dirs_exist_ok=True)
    except OSError as error:
        raise JobError(f"'{folder}' could not be written: {error.strerror or error}") from error


def _values(name: str, kind: str) -> dict[str, str]:
    from nst_core.components import KINDS

    return {
        "name": name,
        "kind": kind,
        "article": "An" if kind[0] in "aeio" else "A",
        "package": f"nst-{name}",
        "module": f"nst_{name.replace('-', '_')}",
        "file": name.replace("-", "_"),
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "hook": KINDS[kind].hook,
        "command": KINDS[kind].command,
        "use": KINDS[kind].usage.replace("NAME", name),
        "nst": version("nst"),
    }


def _texts(kind: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Give the path and the text of every file."""
    places = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        f"src/{values['module']}/__init__.py": "__init__.py.txt",
        f"src/{values['module']}/{values['file']}.py": f"{kind}.py.txt",
        f"tests/test_{values['file']}.py": f"test_{kind}.py.txt",
    }
    templates: Traversable = files("nst_cli.scaffolding") / "templates"
    for path, template in places.items():
        yield path, Template((templates / template).read_text(encoding="utf-8")).substitute(values)
