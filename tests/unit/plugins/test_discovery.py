"""Discovery and registration: what is accepted, what is refused, and that nothing a plugin does is fatal."""

from __future__ import annotations

import re
import sys
import types

import pytest
from installed import install
from tiny import TinyExtractor, plugin, tiny_registry

import nst_core
from nst_core import Optimizer, StatisticLoss, hookimpl, load_registry
from nst_core.components import Loss


class Good(StatisticLoss):
    """A style loss."""

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def statistic(self, feature, weight=None):
        raise NotImplementedError

    def criterion(self, statistic, target, channels):
        raise NotImplementedError


def variant(**members) -> type:
    return type("Variant", (Good,), members)


def no_default(self, power: float) -> None: ...
def no_annotation(self, power=2.0) -> None: ...
def bad_type(self, power: list = []) -> None: ...  # noqa: B006
def wrong_default(self, power: int = 2.5) -> None: ...
def star(self, **options: float) -> None: ...
def reserved(self, weight: float = 1.0) -> None: ...


class Abstract(StatisticLoss):
    def statistic(self, feature, weight=None):
        raise NotImplementedError


class Kindless(Loss):
    role = "style"


@pytest.mark.parametrize(
    ("name", "component", "message"),
    [
        ("Good", Good, "use lower-case letters, digits and single hyphens"),
        ("good_style", Good, "use lower-case letters, digits and single hyphens"),
        ("", Good, "use lower-case letters, digits and single hyphens"),
        ("gram-style", Good, "taken by plugin 'builtin' of package nst"),
        ("good", Good(), "register a class"),
        ("good", Optimizer, "not a subclass of nst_core.Loss"),
        ("good", Abstract, "does not implement criterion"),
        ("good", Kindless, "exactly one of StatisticLoss"),
        ("good", variant(role="colour"), "role must be one of content, style, temporal, regularizer"),
        ("good", variant(__init__=no_default), "'power' of Variant needs a default"),
        ("good", variant(__init__=no_annotation), "'power' of Variant must be annotated"),
        ("good", variant(__init__=bad_type), "'power' of Variant must be annotated"),
        ("good", variant(__init__=wrong_default), "default 2.5, which is not of its annotated type"),
        ("good", variant(__init__=star), "not \\*args"),
        ("good", variant(__init__=reserved), "reserved name"),
    ],
)
def test_bad_components_are_refused_at_the_door(name, component, message):
    registry = tiny_registry(("mine", plugin(losses={"fine": Good, name: component})))
    (failure,) = registry.failures
    assert (failure.origin.plugin, failure.origin.package) == ("mine", "mine-package")
    assert failure.error.startswith(f"loss '{name}': ")
    assert re.search(message, failure.error)
    assert "Traceback" in failure.detail
    # The plugin is skipped as a whole, the others are there.
    assert "fine" not in [e.name for e in registry.entries("loss")]
    assert "gram-style" in [e.name for e in registry.entries("loss")]


def test_a_good_plugin_is_listed_with_its_parameters():
    registry = tiny_registry(("mine", plugin(losses={"good": Good})))
    entry = registry.get("loss", "good")
    assert registry.failures == []
    assert (entry.role, entry.summary, str(entry.origin)) == (
        "style",
        "A style loss.",
        "plugin 'mine' of package mine-package 1.2",
    )
    assert [(p.name, p.type, p.default) for p in entry.parameters] == [("power", float, 2.0)]


def _ignore(register): ...
def _not_marked(register): ...
def _misnamed(registrar): ...


def test_a_plugin_without_hooks_or_with_a_misspelt_one_is_explained():
    empty, misspelt, unmarked = types.ModuleType("a"), types.ModuleType("b"), types.ModuleType("c")
    misspelt.nst_register_loses = hookimpl(_ignore)
    unmarked.nst_register_losses = _not_marked
    wrong = types.ModuleType("d")
    wrong.nst_register_losses = hookimpl(_misnamed)
    names = {"empty": empty, "misspelt": misspelt, "unmarked": unmarked, "wrong": wrong}
    failures = {f.origin.plugin: f.error for f in tiny_registry(*names.items()).failures}
    assert "no hook" in failures["empty"]
    assert "hookimpl missing" in failures["unmarked"]
    assert "nst_register_loses" in failures["misspelt"]
    assert "registrar" in failures["wrong"]


def test_installed_packages_are_found_and_broken_ones_skipped(tmp_path, monkeypatch):
    install(tmp_path, "tiny-package", "tiny", "tiny")
    install(tmp_path, "crashing-package", "crash", "crashing", "raise RuntimeError('no luck')")
    install(tmp_path, "gone-package", "gone", "there_is_no_such_module")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    registry = load_registry(environment={})
    failures = {f.origin.plugin: f for f in registry.failures}
    assert failures["crash"].error == "RuntimeError: no luck"
    assert failures["crash"].origin.package == "crashing-package"
    assert "there_is_no_such_module" in failures["gone"].error
    assert registry.get("extractor", "tiny").cls is TinyExtractor
    assert registry.get("extractor", "vgg19").origin.plugin == "builtin"


BUILTIN = {"vgg19"}


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, {"tiny", *BUILTIN}),
        ({"NST_LOAD_PLUGINS": ""}, set()),
        ({"NST_LOAD_PLUGINS": "builtin"}, BUILTIN),
        ({"NST_LOAD_PLUGINS": "builtin, tiny"}, {"tiny", *BUILTIN}),
        ({"NST_DISABLE_PLUGINS": "builtin"}, {"tiny"}),
        ({"NST_DISABLE_PLUGINS": "other,tiny-package"}, BUILTIN),
    ],
)
def test_environment_chooses_what_is_loaded(tmp_path, monkeypatch, environment, names):
    install(tmp_path, "tiny-package", "tiny", "tiny")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = {e.name for e in load_registry(environment=environment).entries("extractor")}
    assert found & {"tiny", "vgg19"} == names


def test_errors_of_constructors_name_the_component():
    class Sulky(Good):
        def __init__(self, power: float = 2.0) -> None:
            if power < 0:
                raise ValueError("power must not be negative")
            raise RuntimeError("not today")

    registry = tiny_registry(("mine", plugin(losses={"sulky": Sulky})))
    with pytest.raises(nst_core.JobError, match="loss 'sulky': power must not be negative"):
        registry.create("loss", nst_core.Component("sulky", {"power": -1.0}))
    with pytest.raises(nst_core.PluginError, match=r"'sulky' \(plugin 'mine' of package .* RuntimeError: not today"):
        registry.create("loss", nst_core.Component("sulky"))
