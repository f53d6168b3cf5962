"""Errors say which plugin they come from, where one does."""

from __future__ import annotations

import types

import pytest
from tiny import plugin, tiny_registry

from nst_core import ImageLoss, JobError, PluginError
from nst_core.errors import BrokenContractError
from nst_core.plugins.attribution import naming_plugins

SOURCE = """
from nst_core import ImageLoss

def helper():
    raise LookupError("in a helper")

class {name}(ImageLoss):
    def density(self, image):
        if image == "helper":
            helper()
        if image == "back":
            callback(image)
        raise ArithmeticError("in the method")

def callback(image):
    image.no_such_attribute
"""


def third_party(package: str, name: str) -> type[ImageLoss]:
    """A class of a package with a name of its own."""
    module = types.ModuleType(f"{package}.losses")
    exec(SOURCE.format(name=name), module.__dict__)  # noqa: S102
    return vars(module)[name]


WARM, COLD, HOT = third_party("warm", "Warm"), third_party("cold", "Cold"), third_party("hot", "Hot")


@pytest.fixture
def registry():
    return tiny_registry(
        ("warm", plugin(losses={"warm": WARM})),
        ("temperatures", plugin(losses={"cold": COLD, "hot": HOT})),
    )


def raised(registry, what, *arguments) -> Exception:
    with pytest.raises(Exception) as caught, naming_plugins(registry):
        what(*arguments)
    return caught.value


def test_an_error_in_a_method_names_component_plugin_and_package(registry):
    error = raised(registry, WARM().density, "image")
    assert isinstance(error, PluginError)
    assert str(error) == (
        "loss 'warm' (plugin 'warm' of package warm-package 1.2) failed: ArithmeticError: in the method"
    )
    assert isinstance(error.__cause__, ArithmeticError)


@pytest.mark.parametrize(
    ("how", "message"), [("helper", "LookupError: in a helper"), ("back", "AttributeError: .*no_such_attribute")]
)
def test_a_helper_of_the_plugin_counts_too(registry, how, message):
    with pytest.raises(PluginError, match=rf"loss 'warm' .* failed: {message}"), naming_plugins(registry):
        WARM().density(how)


def test_an_error_that_a_library_raises_in_the_plugins_name_is_the_plugins(registry):
    def inside() -> None:
        COLD.density(COLD(), "back")

    assert str(raised(registry, inside)).startswith("loss 'cold' (plugin 'temperatures'")


def test_of_two_plugins_the_nearer_one_is_named(registry):
    class Calls:
        def __eq__(self, other: object) -> bool:
            HOT().density("image")
            return False

        __hash__ = None

    assert str(raised(registry, WARM().density, Calls())).startswith("loss 'hot' (plugin 'temperatures'")


def test_an_error_of_nobody_stays_as_it_is(registry):
    assert isinstance(raised(registry, lambda: 1 / 0), ZeroDivisionError)


def test_errors_that_are_raised_on_purpose_stay_as_they_are(registry):
    def refuse() -> None:
        raise JobError("not like this")

    assert type(raised(registry, refuse)) is JobError


def test_memory_that_ran_out_is_nobodys_fault(registry, monkeypatch):
    monkeypatch.setattr(WARM, "density", lambda *_: (_ for _ in ()).throw(MemoryError()))
    assert isinstance(raised(registry, lambda: next(WARM().density("image"))), MemoryError)


def test_a_broken_promise_names_the_component(registry):
    def broken() -> None:
        raise BrokenContractError("loss", "hot", "gave no scalar")

    assert str(
        raised(registry, broken)
    ) == "loss 'hot' (plugin 'temperatures' of package temperatures-package 1.2) " + ("gave no scalar")


def test_nothing_happens_without_an_error(registry):
    with naming_plugins(registry):
        pass
