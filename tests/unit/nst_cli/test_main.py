"""The program itself: as a module, with tracebacks on demand."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PIL import Image

from nst_cli.main import COMMANDS, build_app

BAD = ("run", "none.jpg", "painting.png")


def test_the_package_is_the_command(tmp_path):
    """Where no `nst` is on the path: python -m nst_cli."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nst_cli", *arguments], cwd=tmp_path, capture_output=True, text=True
        )

    assert run("--version").stdout.startswith("nst ")
    usage = run("--help").stdout
    assert "Usage: nst [OPTIONS] COMMAND" in usage
    done = run(*BAD)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: content image 'none.jpg' does not exist")


@pytest.mark.parametrize(
    ("arguments", "variable", "shown"),
    [
        (BAD, None, False),
        (("--debug", *BAD), None, True),
        ((*BAD, "--debug"), None, True),
        (BAD, "1", True),
        (BAD, "0", False),
        (BAD, "", False),
        ((*BAD, "--debug"), "0", True),
    ],
)
def test_the_option_or_the_variable_shows_the_traceback(nst, monkeypatch, arguments, variable, shown):
    if variable is not None:
        monkeypatch.setenv("NST_DEBUG", variable)
    done = nst(*arguments)
    assert done.code == 2
    assert ("Traceback" in done.err) is shown
    assert done.err.splitlines()[-1].startswith("error: content image 'none.jpg' does not exist")


@pytest.mark.parametrize("variable", ["0", "1"])
def test_a_defect_of_ours_ends_with_1_and_says_how_to_see_where(nst, monkeypatch, variable):
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("no good")

    monkeypatch.setenv("NST_DEBUG", variable)
    monkeypatch.setattr("nst_core.diagnostics.diagnose", broken)
    done = nst("doctor")
    assert done.code == 1
    assert "internal error: ZeroDivisionError: no good\nThis is a bug in nst; --debug shows the traceback." in done.err
    assert ("Traceback" in done.err) is (variable == "1")


def test_every_command_is_built_alone_and_listed():
    for name in COMMANDS:
        alone = build_app(name)
        found = [info.name for info in (*alone.registered_commands, *alone.registered_groups)]
        assert found == [name]
    listed = [info.name for info in build_app(listing=True).registered_commands]
    assert listed == list(COMMANDS)


def test_help_imports_no_command_and_a_command_no_other():
    for arguments, expected in ((["--help"], []), (["doctor", "--help"], ["nst_cli.commands.doctor"])):
        program = f"import sys; sys.argv = ['nst', *{arguments}]\nfrom nst_cli.main import main\ntry: main()\n"
        program += "finally: print([m for m in sys.modules if m.startswith('nst_cli.commands.')], file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stderr.strip() == str(expected)


def test_an_unknown_command_is_bad_input(nst):
    done = nst("rum")
    assert done.code == 2
    assert "No such command 'rum'" in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit it")
def test_too_little_address_space_is_one_clear_error(tmp_path):
    """Too little even to load torch."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    command = 'ulimit -v 400000; exec "$0" -m nst_cli run a.png a.png --output b.png'
    done = subprocess.run(["bash", "-c", command, sys.executable], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: out of memory; this process may have only 0.4 GB of address space")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "passive None"), ({"OMP_WAIT_POLICY": "active"}, "active None"), ({"GOMP_SPINCOUNT": "9"}, "None 9")],
)
def test_threads_of_openmp_sleep_unless_the_environment_says_otherwise(given, expected):
    """It has to be known before torch is loaded."""
    program = (
        "import os, sys; from nst_cli.main import main; sys.argv = ['nst', '--version']\n"
        "try: main()\n"
        "except SystemExit: print('torch' in sys.modules, *map(os.environ.get, ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')))"
    )
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**kept, **given})
    assert done.stdout.splitlines()[-1] == f"False {expected}"
