"""How values are written on the command line and in a sweep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nst_core import JobError
from nst_core.options import types
from nst_core.options.types import (
    COMPONENT,
    COMPONENTS,
    FLAG,
    INTEGER,
    LAYERS,
    MAPS,
    NAMES,
    NUMBER,
    NUMBER_OR_NUMBERS,
    NUMBERS,
    REGIONS,
    SIZES,
    TEXT,
    OptionType,
)

ALL = [value for value in vars(types).values() if isinstance(value, OptionType)]


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (INTEGER, "3", 3),
        (NUMBER, "1e5", 1e5),
        (TEXT, "fp32", "fp32"),
        (FLAG, "true", True),
        (FLAG, "false", False),
        (NUMBERS, "0.7+0.3", [0.7, 0.3]),
        (NUMBER_OR_NUMBERS, "1.5", [1.5]),
        (NUMBER_OR_NUMBERS, "1+2", [1.0, 2.0]),
        (LAYERS, "a+b=2", ["a", "b=2"]),
        (SIZES, "128+256", "128,256"),
        (NAMES, "tv+range", ["tv", "range"]),
        (COMPONENTS, "tv:weight=5,kind=isotropic", ["tv:weight=5,kind=isotropic"]),
        (REGIONS, "sky=a.png:style=2+sea=b.png", ["sky=a.png:style=2", "sea=b.png"]),
        (MAPS, "c.png+s.png", ["c.png", "s.png"]),
    ],
)
def test_values_of_a_sweep(option, text, value):
    parsed = option.parsed(text, "key")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        (INTEGER, "1.5", "'key' must be a whole number, not '1.5'"),
        (NUMBER, "much", "'key' must be a number, not 'much'"),
        (FLAG, "yes", "'key' must be true or false, not 'yes'"),
        (NUMBERS, "0.7+x", r"'key' must be numbers joined by \+, not '0.7\+x'"),
        (NUMBERS, "", r"'key' must be numbers joined by \+, not ''"),
        (NUMBER_OR_NUMBERS, "1,2", r"'key' must be a number, or numbers joined by \+, not '1,2'"),
    ],
)
def test_what_is_no_value_is_explained(option, text, message):
    with pytest.raises(JobError, match=message):
        option.parsed(text, "key")


def test_values_of_the_command_line():
    assert NUMBERS.from_cli("0.7,0.3") == [0.7, 0.3]
    assert LAYERS.from_cli("a,b=2") == ["a", "b=2"]
    assert MAPS.from_cli(("c.png", "1.png,2.png")) == ["c.png", "1.png", "2.png"]
    assert [option.from_cli("x") for option in (TEXT, SIZES)] == ["x", "x"]
    for text in ("0.7;0.3", "", "0.7,", "a,b"):
        with pytest.raises(JobError, match=r"invalid list of numbers"):
            NUMBERS.from_cli(text)


def test_types_have_names_of_their_own():
    names = [option.name for option in ALL]
    assert len(names) == len({*names}) == 13
    assert all(option.word for option in ALL)


@pytest.mark.parametrize(
    ("option", "given", "value"),
    [
        (INTEGER, 3, 3),
        (INTEGER, np.int64(3), 3),
        (NUMBER, 3, 3.0),
        (NUMBER, np.float32(0.5), 0.5),
        (TEXT, "fp32", "fp32"),
        (TEXT, Path("a"), "a"),
        (FLAG, False, False),
        (SIZES, "auto", "auto"),
        (SIZES, [128, 256], "128,256"),
        (NUMBERS, (1, 0.5), [1.0, 0.5]),
        (NUMBER_OR_NUMBERS, 2, [2.0]),
        (NUMBER_OR_NUMBERS, (1, 0.5), [1.0, 0.5]),
        (LAYERS, ("a", "b=2"), ["a", "b=2"]),
        (NAMES, ["tv"], ["tv"]),
        (COMPONENT, "adam", "adam"),
        (COMPONENTS, [], []),
    ],
)
def test_values_of_the_api(option, given, value):
    taken = option.taken(given, "key")
    assert taken == value
    assert type(taken) is type(value)


@pytest.mark.parametrize(
    ("option", "given", "message"),
    [
        (INTEGER, "3", "the option 'key' must be a whole number, not '3'"),
        (INTEGER, 3.0, "the option 'key' must be a whole number, not 3.0"),
        (INTEGER, True, "the option 'key' must be a whole number, not True"),
        (NUMBER, "1e6", "the option 'key' must be a number, not '1e6'"),
        (NUMBER, None, "the option 'key' must be a number, not None"),
        (NUMBER, 10**400, "the option 'key' must be a number, not 1000"),
        (TEXT, 16, "the option 'key' must be a string, not 16"),
        (TEXT, b"x", "the option 'key' must be a string, not b'x'"),
        (FLAG, "no", "the option 'key' must be True or False, not 'no'"),
        (SIZES, 256, "the option 'key' must be a string or a list of whole numbers, not 256"),
        (SIZES, [1.5], "the option 'key' must be a string or a list of whole numbers"),
        (NUMBERS, 1.0, "the option 'key' must be a list of numbers, not 1.0"),
        (NUMBER_OR_NUMBERS, "1", "the option 'key' must be a number or a list of numbers, not '1'"),
        (NUMBERS, ["1"], "the option 'key' must be a list of numbers"),
        (LAYERS, "conv1_2", "the option 'key' must be a list of strings, not 'conv1_2'"),
        (NAMES, {"tv"}, "the option 'key' must be a list of strings"),
        (COMPONENTS, "tv", "the option 'key' must be a list of strings, not 'tv'"),
        (COMPONENT, 3, "the option 'key' must be a string, not 3"),
    ],
)
def test_values_of_another_type_are_named(option, given, message):
    with pytest.raises(JobError, match=message):
        option.taken(given, "key")


def test_large_values_are_cut_in_messages():
    with pytest.raises(JobError) as error:
        COMPONENT.taken(torch.zeros(1, 3, 100, 100), "init")
    assert len(str(error.value)) < 120


def test_what_the_command_line_and_a_sweep_give_is_what_the_api_takes():
    texts = {
        INTEGER: "3",
        NUMBER: "1.5",
        TEXT: "x",
        FLAG: "true",
        NUMBERS: "1+2",
        NUMBER_OR_NUMBERS: "1+2",
        SIZES: "1+2",
    }
    for option in ALL:
        value = option.parsed(texts.get(option, "a+b"), "key")
        assert option.taken(value, "key") == value
    for option in (NUMBERS, NUMBER_OR_NUMBERS, LAYERS, SIZES):
        value = option.from_cli("1,2")
        assert option.taken(value, "key") == value
