"""One table of kinds, with which hooks, scaffold, checks and conformance kit agree."""

from __future__ import annotations

import inspect
import re
from importlib.resources import files

import pytest
import typer
from tiny import tiny_registry

import nst_core
from nst_cli.main import build_app
from nst_cli.scaffolding.scaffold import scaffold_kinds
from nst_core.components import KINDS, LOSS_KINDS, Loss, Preset
from nst_core.options.table import OPTIONS
from nst_core.plugins import hookspecs
from nst_core.testing import conformance

TEMPLATES = files("nst_cli.scaffolding") / "templates"


def test_every_kind_has_a_hook_and_every_hook_a_kind():
    hooks = {name for name in vars(hookspecs) if name.startswith("nst_register_")}
    assert {kind.hook for kind in KINDS.values()} == hooks - {"nst_register_commands"}
    for kind in KINDS.values():
        hook = getattr(hookspecs, kind.hook)
        assert [*inspect.signature(hook).parameters] == ["register"]
        assert kind is KINDS["loss"] or f"nst_core.{kind.base.__name__}`" in hook.__doc__


def test_every_kind_is_public():
    for base in [*LOSS_KINDS, *(kind.base for kind in KINDS.values() if kind.base is not Loss)]:
        assert getattr(nst_core, base.__name__) is base
    assert all(issubclass(kind, Loss) for kind in LOSS_KINDS)


def test_kinds_are_filed_under_their_names():
    assert all(kind.name == name for name, kind in KINDS.items())
    for values in ([k.plural for k in KINDS.values()], [k.base for k in KINDS.values()]):
        assert len(values) == len({*values})


@pytest.mark.parametrize("kind", [*KINDS])
def test_the_scaffold_has_templates_for_those_that_say_so(kind):
    there = [(TEMPLATES / name).is_file() for name in (f"{kind}.py.txt", f"test_{kind}.py.txt")]
    assert there == [KINDS[kind].scaffold] * 2
    assert (kind in scaffold_kinds()) is KINDS[kind].scaffold


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_usage_is_an_option_of_its_command(kind):
    flag = re.fullmatch(r"(--[a-z-]+) NAME", kind.usage)[1]
    name = kind.command.split()[0]
    assert name != "run" or flag in {flag for option in OPTIONS for flag in option.flags}
    command = typer.main.get_group(build_app()).commands[name]
    assert flag in {flag for parameter in command.params for flag in parameter.opts}


@pytest.mark.parametrize("kind", [*KINDS])
def test_required_kinds_are_built_in_and_the_kit_has_laws_for_each(kind):
    registry = tiny_registry()
    entries = registry.entries(kind)
    assert entries or not KINDS[kind].required
    for entry in entries[:1]:
        assert list(conformance(entry.cls)), kind


def test_a_preset_is_no_scaffold():
    assert [name for name, kind in KINDS.items() if not kind.scaffold] == ["preset"]
    assert KINDS["preset"].base is Preset
