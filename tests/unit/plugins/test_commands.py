"""Commands of plugins, without the program that shows them."""

from __future__ import annotations

import sys

import pytest
from installed import install

from nst_core.plugins.commands import load_commands

PLUGIN = """
from nst_core import hookimpl

@hookimpl
def nst_register_commands(app):
    app += {names}
    {after}
"""


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Install a plugin that adds commands of some names to a list."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def added(name: str, names: list[str], after: str = "", source: str = PLUGIN) -> None:
        module = f"nst_commands_{tmp_path.name}_{name}".replace("-", "_")
        install(tmp_path, f"nst-{name}", name, module, source.format(names=names, after=after))

    return added


def collect(register) -> dict[str, str]:
    names: list[str] = []
    register(names)
    return {name: name.upper() for name in names}


def test_commands_come_with_their_plugin(add):
    add("one", ["hello", "bye"])
    add("two", ["sing"])
    found, failures = load_commands(collect)
    assert failures == []
    assert {name: (origin.package, command) for name, (origin, command) in found.items()} == {
        "hello": ("nst-one", "HELLO"),
        "bye": ("nst-one", "BYE"),
        "sing": ("nst-two", "SING"),
    }


def test_a_plugin_without_the_hook_adds_nothing(add):
    add("none", [], source="from nst_core import hookimpl\n@hookimpl\ndef nst_register_losses(register): ...\n")
    assert load_commands(collect) == ({}, [])


@pytest.mark.parametrize(
    ("names", "after", "message"),
    [
        (["hello", "run"], "", "command 'run': nst has a command of that name; choose another"),
        (["fine", "sing"], "", "command 'sing': the name is taken by plugin 'a-singer' of package nst-a-singer 1.0"),
        (["half"], "raise RuntimeError('no luck')", "RuntimeError: no luck"),
        (["half"], "raise SystemExit('no library')", "SystemExit: no library"),
    ],
)
def test_a_plugin_that_fails_adds_nothing_at_all(add, names, after, message):
    add("a-singer", ["sing"])
    add("broken", names, after)
    add("last", ["dance"])
    found, (failure,) = load_commands(collect, {"run"})
    assert {*found} == {"sing", "dance"}
    assert failure.origin.plugin == "broken"
    assert failure.error.startswith(message)


def test_a_hook_with_another_argument_is_explained(add):
    source = "from nst_core import hookimpl\n@hookimpl\ndef nst_register_commands(application): ...\n"
    add("wrong", [], source=source)
    _, (failure,) = load_commands(collect)
    assert "application" in failure.error
    assert "docs/plugins/reference.md" in failure.error


def test_plugins_that_are_left_out_are_not_imported(add, monkeypatch):
    add("crash", [], source="raise RuntimeError('imported')")
    monkeypatch.setenv("NST_DISABLE_PLUGINS", "crash")
    assert load_commands(collect) == ({}, [])
    monkeypatch.delenv("NST_DISABLE_PLUGINS")
    monkeypatch.setenv("NST_LOAD_PLUGINS", "builtin")
    assert load_commands(collect) == ({}, [])
