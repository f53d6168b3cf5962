"""Which plugins are installed, which are wanted, and what is said of one that fails."""

from __future__ import annotations

import sys

import pluggy
import pytest
from installed import install

from nst_core import PluginError
from nst_core.plugins.entry_points import BUILTIN, failure_of, installed, is_wanted
from nst_core.provenance import Origin

ORIGIN = Origin("warm", "nst-warm", "1.2")
PAGE = "(the hooks are in docs/plugins/reference.md)"


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_the_built_ins_come_first_and_the_others_by_package(site):
    for package in ("nst-zebra", "nst-aardvark", "another"):
        install(site, package, "mine", "no_such_module")
    origins = [origin for origin, _ in installed()]
    assert origins[0].plugin == BUILTIN
    assert [o.package for o in origins if o.plugin == "mine"] == ["another", "nst-aardvark", "nst-zebra"]
    assert Origin("mine", "nst-zebra", "1.0") in origins


def test_a_package_that_is_seen_twice_counts_once(tmp_path, monkeypatch):
    """As where an editable install lies beside its source; the first one on the path is the one that imports."""
    folders = [install(tmp_path / name, "nst-twice", "twice", f"module_{name}") for name in ("one", "two")]
    monkeypatch.setattr(sys, "path", [*map(str, folders), *sys.path])
    (point,) = [point for origin, point in installed() if origin.plugin == "twice"]
    assert point.value == "module_one"


def test_entry_points_of_other_groups_are_no_plugins(site):
    install(site, "nst-other", "other", "no_such_module")
    file = site / "nst_other-1.0.dist-info/entry_points.txt"
    file.write_text(file.read_text().replace("[nst]", "[pytest11]"))
    assert "other" not in {origin.plugin for origin, _ in installed()}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"NST_LOAD_PLUGINS": ""}, False),
        ({"NST_LOAD_PLUGINS": "warm"}, True),
        ({"NST_LOAD_PLUGINS": "builtin, nst-warm"}, True),
        ({"NST_LOAD_PLUGINS": "builtin"}, False),
        ({"NST_DISABLE_PLUGINS": ""}, True),
        ({"NST_DISABLE_PLUGINS": "warm"}, False),
        ({"NST_DISABLE_PLUGINS": "cold,nst-warm"}, False),
        ({"NST_LOAD_PLUGINS": "warm", "NST_DISABLE_PLUGINS": "warm"}, False),
    ],
)
def test_the_environment_says_which_are_wanted(environment, wanted, monkeypatch):
    assert is_wanted(ORIGIN, environment) is wanted
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_wanted(ORIGIN) is wanted


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PluginError(f"{ORIGIN}: loss 'x': no good"), "loss 'x': no good"),
        (RuntimeError("no luck"), "RuntimeError: no luck"),
        (SystemExit("needs a library"), "SystemExit: needs a library"),
        (
            pluggy.PluginValidationError(object(), "Plugin 'x'\nunknown hook 'nst_register_loses' in plugin"),
            f"unknown hook 'nst_register_loses' in plugin; did you mean 'nst_register_losses'? {PAGE}",
        ),
        (
            pluggy.PluginValidationError(object(), "hook 'nst_register_losses' has no argument 'registrar'"),
            f"hook 'nst_register_losses' has no argument 'registrar' {PAGE}",
        ),
    ],
)
def test_a_failure_says_in_one_line_what_went_wrong(error, message):
    try:
        raise error
    except BaseException as caught:
        failure = failure_of(ORIGIN, caught)
    assert (failure.origin, failure.error) == (ORIGIN, message)
    assert failure.detail.startswith("Traceback")
