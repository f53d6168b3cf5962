"""The registry: looking components up, making them, and forgetting those of a plugin."""

from __future__ import annotations

import pytest
from tiny import TinyExtractor, plugin, tiny_registry

from nst_core import Component, ImageLoss, JobError, PluginError, Registry, StatisticLoss, UnknownNameError
from nst_core.components import KINDS
from nst_core.provenance import Origin

ORIGIN, OTHER = Origin("mine", "nst-mine", "1.0"), Origin("other", "nst-other", "2.0")


class Smooth(ImageLoss):
    """Smooths.

    At length.
    """

    def __init__(self, power: float = 2.0, how: str = "") -> None:
        if power < 0:
            raise ValueError("power must not be negative")
        if how == "type":
            raise TypeError("not today")
        if how == "job":
            raise JobError("not this job")
        self.power = power

    def density(self, image):
        return image.sum(1)


class Undocumented(StatisticLoss):
    def statistic(self, feature, weight=None):
        raise NotImplementedError

    def criterion(self, statistic, target, channels):
        raise NotImplementedError


@pytest.fixture
def small() -> Registry:
    registry = Registry()
    registry.add("loss", "smooth", Smooth, ORIGIN)
    registry.add("extractor", "tiny", TinyExtractor, OTHER)
    registry.add("loss", "plain", Undocumented, OTHER)
    return registry


def test_entries_are_ordered_by_kind_and_name(small):
    assert [(e.kind, e.name) for e in small.entries()] == [
        ("extractor", "tiny"),
        ("loss", "plain"),
        ("loss", "smooth"),
    ]
    assert [e.name for e in small.entries("loss")] == ["plain", "smooth"]
    assert small.entries("optimizer") == []


def test_an_entry_describes_its_component(small):
    entry = small.get("loss", "smooth")
    assert str(entry) == "loss 'smooth' (plugin 'mine' of package nst-mine 1.0)"
    assert (entry.summary, entry.role, entry.title, entry.base, entry.tileable) == (
        "Smooths.",
        "regularizer",
        "regularizer",
        "ImageLoss",
        True,
    )
    assert [p.name for p in entry.parameters] == ["power", "how"]
    network = small.get("extractor", "tiny")
    assert (network.role, network.title, network.base, network.tileable) == ("", "extractor", "", False)
    assert small.get("loss", "plain").title == "style loss"


class Masked(ImageLoss):
    def __init__(self, mask: str = "", mask_sha256: str = "", colour: str = "") -> None:
        raise NotImplementedError

    def density(self, image):
        raise NotImplementedError


def test_a_parameter_with_one_for_its_hash_is_a_path(small):
    small.add("loss", "masked", Masked, OTHER)
    assert small.get("loss", "masked").file_parameters == ("mask",)
    assert small.file_parameters("loss", "masked") == ("mask",)
    assert small.file_parameters("loss", "smooth") == small.file_parameters("loss", "none") == ()


def test_unknown_names_suggest_near_ones_and_other_kinds(small):
    with pytest.raises(UnknownNameError, match=r"unknown loss 'smoth'; did you mean 'smooth'.*See 'nst plugins'"):
        small.get("loss", "smoth")
    with pytest.raises(
        UnknownNameError, match=r"unknown optimizer 'smooth'. There are none. But 'smooth' exists as los"
    ):
        small.get("optimizer", "smooth")
    failed = tiny_registry(("broken", plugin(losses={"Bad": Smooth})))
    with pytest.raises(UnknownNameError, match="also for the plugins that failed to load"):
        failed.get("loss", "Bad")


def test_a_name_can_be_taken_once_for_a_kind(small):
    with pytest.raises(PluginError, match=r"loss 'smooth': the name is taken by plugin 'mine' of package nst-mine 1.0"):
        small.add("loss", "smooth", Smooth, OTHER)
    small.add("extractor", "smooth", TinyExtractor, OTHER)
    assert small.get("extractor", "smooth").cls is TinyExtractor
    assert small.get("loss", "smooth").cls is Smooth


def test_everything_of_a_plugin_can_be_forgotten(small):
    small.discard(OTHER)
    assert [e.name for e in small.entries()] == ["smooth"]
    small.add("loss", "plain", Smooth, ORIGIN)
    assert small.get("loss", "plain").origin == ORIGIN


def test_components_are_made_with_checked_parameters(small):
    assert small.create("loss", Component("smooth")).power == 2.0
    assert small.create("loss", Component("smooth", {"power": "3"})).power == 3.0
    assert small.checked("loss", Component("smooth", {"": "3"})) == Component("smooth", {"power": 3.0})
    with pytest.raises(JobError, match="'power' of 'smooth' must be a number"):
        small.checked("loss", Component("smooth", {"power": "x"}))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"power": -1.0}, JobError, "^loss 'smooth': power must not be negative$"),
        ({"how": "type"}, PluginError, r"^loss 'smooth' .* could not be created: TypeError: not today$"),
        ({"how": "job"}, JobError, "^not this job$"),
    ],
)
def test_errors_of_constructors_are_told_apart(small, params, error, message):
    with pytest.raises(error, match=message) as caught:
        small.create("loss", Component("smooth", params))
    assert type(caught.value) is error


@pytest.mark.parametrize("kind", [*KINDS])
def test_a_class_of_another_kind_is_refused(kind):
    with pytest.raises(
        PluginError, match=f"{kind} 'x': Other is not a subclass of nst_core.{KINDS[kind].base.__name__}"
    ):
        Registry().add(kind, "x", type("Other", (), {}), ORIGIN)


def test_a_constructor_that_cannot_be_read_is_refused():
    def constructor(self, power: NoSuchType = 1) -> None: ...  # noqa: F821

    unreadable = type("Unreadable", (Smooth,), {"__init__": constructor})
    with pytest.raises(PluginError, match=r"the constructor of Unreadable cannot be read: .*NoSuchType"):
        Registry().add("loss", "x", unreadable, ORIGIN)
