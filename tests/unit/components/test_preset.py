"""Presets: the default one, those of third parties, and what one must say."""

from __future__ import annotations

import pytest
from tiny import plugin, tiny_registry

from nst_core import PluginError, Preset, UnknownNameError, load_registry
from nst_core.provenance import Origin


class Mine(Preset):
    """A third party's."""

    losses = {"mse-content": 1.0, "w2-style": 2.0}  # noqa: RUF012
    initializer = "noise"
    optimizer = "adam"
    extractor = "tiny"
    parametrization = "pixels"


class Eager(Mine):
    """Says that it is the default one."""

    default = True


def test_there_is_one_default_and_it_can_be_named(registry):
    default = registry.preset()
    assert default.default
    assert [name for name, preset in registry.presets().items() if preset.default] == ["painterly"]
    assert registry.preset("painterly") is default
    assert registry.preset("content") is not default


def test_the_first_registered_default_is_the_default():
    """The built-ins come first, so that installing a package does not change what `nst run` makes."""
    registry = tiny_registry(("eager", plugin(presets={"eager": Eager})))
    assert registry.preset() is not Eager
    alone = load_registry([(Origin("eager", "eager", "1"), plugin(presets={"a": Mine, "b": Eager}))], {})
    assert alone.preset() is Eager


def test_a_preset_of_a_third_party_is_found_by_name():
    registry = tiny_registry(("mine", plugin(presets={"mine": Mine})))
    assert registry.preset("mine") is Mine
    assert [*registry.presets()] == ["painterly", "patches", "content", "noise", "mine"]
    with pytest.raises(UnknownNameError, match="unknown preset 'min'; did you mean 'mine'"):
        registry.preset("min")


def test_without_any_default_it_is_said_what_to_do():
    registry = load_registry([(Origin("mine", "mine", "1"), plugin(presets={"mine": Mine}))], {})
    with pytest.raises(PluginError, match=r"no plugin registers a default preset; is the plugin 'builtin' .* disabled"):
        registry.preset()


@pytest.mark.parametrize("missing", ["losses", "initializer", "optimizer", "extractor", "parametrization"])
def test_a_preset_must_say_everything(missing):
    attributes = {name: value for name, value in vars(Mine).items() if not name.startswith("_") and name != missing}
    incomplete = type("Incomplete", (Preset,), attributes)
    (failure,) = tiny_registry(("mine", plugin(presets={"mine": incomplete}))).failures
    assert failure.error == f"preset 'mine': Incomplete does not set {missing}"


def test_a_start_from_scratch_needs_no_image():
    assert tiny_registry().scratch_preset() == "noise"
    empty = load_registry([], {})
    with pytest.raises(PluginError, match="no plugin registers a preset that starts without an image"):
        empty.scratch_preset()
