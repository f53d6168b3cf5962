"""How values are written on the command line and in a sweep."""

from __future__ import annotations

import pytest

from nst_core import JobError
from nst_core.options import types
from nst_core.options.types import COMPONENTS, FLAG, INTEGER, LAYERS, NAMES, NUMBER, NUMBERS, SIZES, TEXT, OptionType

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
        (LAYERS, "a+b=2", ["a", "b=2"]),
        (SIZES, "128+256", "128,256"),
        (NAMES, "tv+range", ["tv", "range"]),
        (COMPONENTS, "tv:weight=5,kind=isotropic", ["tv:weight=5,kind=isotropic"]),
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
    ],
)
def test_what_is_no_value_is_explained(option, text, message):
    with pytest.raises(JobError, match=message):
        option.parsed(text, "key")


def test_values_of_the_command_line():
    assert NUMBERS.from_cli("0.7,0.3") == [0.7, 0.3]
    assert LAYERS.from_cli("a,b=2") == ["a", "b=2"]
    assert [option.from_cli("x") for option in (TEXT, SIZES)] == ["x", "x"]
    for text in ("0.7;0.3", "", "0.7,", "a,b"):
        with pytest.raises(JobError, match=r"a list of numbers is written 0.7,0.3, not"):
            NUMBERS.from_cli(text)


def test_types_have_names_of_their_own():
    names = [option.name for option in ALL]
    assert len(names) == len({*names}) == 10
    assert all(option.word for option in ALL)
