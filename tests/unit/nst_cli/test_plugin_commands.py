"""`nst hello`: whole commands of plugins, and that a broken one stops nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from installed import install

from nst_core.plugins.discovery import default_registry

SMALL = ("--extractor", "tiny", "--steps", "1", "--size", "24", "--precision", "fp32", "-q")
HEAD = "import typer\nfrom nst_core import JobError, hookimpl\n"
HELLO = f"""{HEAD}
@hookimpl
def nst_register_commands(app):
    @app.command("hello")
    def hello(name: str = "you", wrong: str = ""):
        '''Greet somebody.'''
        if wrong == "value":
            raise ZeroDivisionError("no good")
        if wrong == "job":
            raise JobError("there is nobody of that name")
        if wrong == "memory":
            raise MemoryError
        if wrong == "interrupt":
            raise KeyboardInterrupt
        if wrong == "exit":
            raise typer.Exit(3)
        if wrong == "usage":
            raise typer.BadParameter("not like this")
        print(f"hello {{name}}")
"""
GROUP = f"""{HEAD}
@hookimpl
def nst_register_commands(app):
    songs = typer.Typer(help="Sing songs.")

    @songs.command()
    def high():
        '''Sing high.'''
        print("la")

    @songs.command()
    def low():
        '''Sing low.'''
        raise LookupError("no voice")

    app.add_typer(songs, name="songs")
"""
ONE = """
    @app.command("{name}")
    def command({parameters}):
        '''A command of a plugin.'''
        print("of the plugin")
"""


def command(name: str, parameters: str = "") -> str:
    """The source of a plugin with one command."""
    return f"{HEAD}\n@hookimpl\ndef nst_register_commands(app):{ONE.format(name=name, parameters=parameters)}"


BROKEN = {
    "import": "raise RuntimeError('no luck')",
    "exit": "raise SystemExit('no luck')",
    "hook": f"{HEAD}\n@hookimpl\ndef nst_register_commands(app):\n    raise RuntimeError('no luck')\n",
    "late": f"{command('late')}    raise RuntimeError('no luck')\n",
    "annotation": command("odd", "value: int | str = 1"),
}


@pytest.fixture
def add(nst, tmp_path):
    """Install a plugin."""

    def added(name: str, source: str) -> str:
        module = f"nst_{name}_{tmp_path.name}".replace("-", "_")
        install(tmp_path / "site", f"nst-{name}", name, module, source)
        return module

    return added


def test_a_command_of_a_plugin_runs_and_is_in_the_help(nst, add):
    add("greeter", HELLO)
    assert (nst("hello").code, nst("hello", "--name", "world").out) == (0, "hello world\n")
    for flag in ("--help", "-h"):
        assert "Greet somebody." in nst(flag).out
        assert "--name" in nst("hello", flag).out
    assert nst("hello", "--no-such-option").code == 2
    assert nst("helo").code == 2


def test_a_group_of_a_plugin_works(nst, add):
    add("greeter", HELLO)
    add("singer", GROUP)
    assert (nst("songs", "high").out, nst("hello").out) == ("la\n", "hello you\n")
    assert "Sing songs." in nst("--help").out
    assert "Sing low." in nst("songs", "--help").out


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        ("value", 2, "error: plugin 'greeter' of package nst-greeter 1.0 failed: ZeroDivisionError: no good\n"),
        ("job", 2, "error: there is nobody of that name\n"),
        ("memory", 2, "error: out of memory"),
        ("interrupt", 130, "interrupted; nothing was written\n"),
        ("exit", 3, ""),
        ("usage", 2, "not like this"),
    ],
)
def test_an_error_of_the_command_is_its_plugins(nst, add, wrong, code, message):
    add("greeter", HELLO)
    done = nst("hello", "--wrong", wrong)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert "defect of nst" not in done.err


def test_an_error_in_a_group_is_its_plugins(nst, add):
    add("singer", GROUP)
    done = nst("songs", "low")
    assert (done.code, done.err) == (
        2,
        "error: plugin 'singer' of package nst-singer 1.0 failed: LookupError: no voice\n",
    )


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_stops_nothing(nst, add, how):
    add("broken", BROKEN[how])
    add("greeter", HELLO)
    usage = nst("--help")
    assert usage.code == 0
    assert "Greet somebody." in usage.out
    assert "late" not in usage.out.split()
    assert usage.err.count("note: skipped the commands of plugin 'broken' of package nst-broken 1.0: ") == 1
    assert nst("hello").out == "hello you\n"
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "-o", "o.png")
    assert (done.code, done.err) == (0, "")
    assert Path("o.png").exists()


def test_a_plugin_cannot_take_the_place_of_a_command(nst, add):
    add("thief", command("plugins") + ONE.format(name="other", parameters=""))
    shown = nst("plugins")
    assert (shown.code, "of the plugin" in shown.out) == (0, False)
    usage = nst("--help")
    assert "command 'plugins': nst has a command of that name; choose another" in usage.err
    assert "A command of a plugin." not in usage.out
    assert nst("other").code == 2


def test_of_two_plugins_the_first_has_the_name(nst, add):
    add("a-greeter", HELLO)
    add("b-greeter", command("hello"))
    done = nst("hello")
    assert done.out == "hello you\n"
    assert "b-greeter" in done.err
    assert "the name is taken by plugin 'a-greeter' of package nst-a-greeter 1.0" in done.err


def test_a_plugin_can_be_left_out(nst, add, monkeypatch):
    add("greeter", HELLO)
    monkeypatch.setenv("NST_DISABLE_PLUGINS", "greeter")
    assert nst("hello").code == 2
    assert "hello" not in nst("--help").out.split()


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (("run", "--help"), False),
        (("plugins", "--help"), False),
        (("--version",), False),
        (("run", "--no-such-option"), False),
        (("--help",), True),
        (("hello",), True),
    ],
)
def test_plugins_are_loaded_only_where_their_commands_may_be_meant(nst, add, tmp_path, arguments, loaded):
    """In a process of its own, as others may have loaded them in this one."""
    module = add("greeter", HELLO)
    program = (
        f"import sys; sys.argv = ['nst', *{arguments!r}]\nfrom nst_cli.main import main\ntry: main()\n"
        f"except SystemExit: pass\nprint('LOADED', {module!r} in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1] == f"LOADED {loaded}", done.stderr


def test_components_of_a_plugin_with_commands_are_registered_as_ever(nst, add):
    source = HELLO.replace("import typer\n", "import typer\nfrom tiny import TinyExtractor\n")
    source += '\n\n@hookimpl\ndef nst_register_extractors(register):\n    register("small", TinyExtractor)\n'
    add("both", source)
    assert nst("hello").out == "hello you\n"
    assert default_registry().get("extractor", "small").origin.plugin == "both"
    assert default_registry().failures == []
    assert nst("plugins", "show", "small").code == 0
