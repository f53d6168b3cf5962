"""What `nst doctor` finds wrong."""

from __future__ import annotations

import pytest
from tiny import plugin, tiny_registry

from nst_core import diagnostics, load_registry
from nst_core.components import KINDS
from nst_core.provenance import Origin

REQUIRED = [kind.name for kind in KINDS.values() if kind.required]


@pytest.fixture
def installed(monkeypatch):
    """Let a registry be that of everything installed."""

    def use(registry) -> None:
        monkeypatch.setattr(diagnostics, "default_registry", lambda: registry)

    return use


@pytest.mark.parametrize("kind", REQUIRED)
def test_a_kind_without_which_nothing_runs_is_missed(kind, installed):
    full = tiny_registry()
    others = {
        KINDS[entry.kind].plural: {e.name: e.cls for e in full.entries(entry.kind)}
        for entry in full.entries()
        if entry.kind != kind
    }
    installed(load_registry([(Origin("most", "most", "1"), plugin(**others))], {}))
    assert kind in diagnostics.checks()["plugins"]


def test_transforms_are_not_missed(installed):
    installed(tiny_registry())
    assert "transform" not in REQUIRED
    assert set(diagnostics.checks().values()) == {""}


def test_the_report_is_complete(installed):
    installed(tiny_registry(("broken", plugin(losses={"Bad Name": object}))))
    report = diagnostics.diagnose()
    assert report["plugins"] == len(tiny_registry().entries())
    assert [
        text.startswith("plugin 'broken' of package broken-package 1.2: ") for text in report["plugin_failures"]
    ] == [True]
    assert report["extractor"].startswith("auto is vgg19")
    assert {"torch", "nst", "python"} <= {*report["versions"]}


def test_without_plugins_the_report_goes_on(installed):
    installed(load_registry([], {}))
    report = diagnostics.diagnose()
    assert report["extractor"].startswith("the default extractor does not work: no plugin registers a default preset")
    assert all(kind in report["checks"]["plugins"] for kind in REQUIRED)


def test_a_check_that_fails_unexpectedly_is_reported(installed, monkeypatch):
    def broken(_: object) -> str:
        raise ZeroDivisionError("no good")

    installed(tiny_registry())
    monkeypatch.setattr(diagnostics, "gram_fault", broken)
    assert diagnostics.checks()["gram"] == "ZeroDivisionError: no good"


def test_a_home_that_cannot_be_written_is_named(installed, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NST_HOME", str(tmp_path / "file"))
    found = diagnostics.checks()["store can be written"]
    assert str(tmp_path / "file") in found
    assert "set NST_HOME to another folder" in found
