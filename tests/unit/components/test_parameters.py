"""Parameters: what a constructor says, what a text means, and what is refused."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_core import Component, JobError, PluginError, UnknownNameError
from nst_core.components.parameters import Parameter, convert_all, format_spec, parameters_of, parse_spec, split_values
from nst_core.job.bounds import PARAMETER, WHOLE_PARAMETER


class Example:
    def __init__(
        self, power: float = 2, count: int = 3, sharp: bool = False, path: str = "", kind: Literal["a", "b"] = "a"
    ) -> None: ...


class Nothing:
    pass


PARAMETERS = parameters_of(Example)


def converted(**given) -> dict:
    return convert_all(PARAMETERS, given, "'example'")


def test_the_signature_says_everything():
    assert [(p.name, p.type, p.default, p.choices) for p in PARAMETERS] == [
        ("power", float, 2.0, ()),
        ("count", int, 3, ()),
        ("sharp", bool, False, ()),
        ("path", str, "", ()),
        ("kind", str, "a", ("a", "b")),
    ]
    assert type(PARAMETERS[0].default) is float
    assert parameters_of(Nothing) == ()


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"power": "1e3"}, 1000.0),
        ({"power": 3}, 3.0),
        ({"count": "7"}, 7),
        ({"sharp": "yes"}, True),
        ({"sharp": "0"}, False),
        ({"sharp": True}, True),
        ({"path": "a:b=c"}, "a:b=c"),
        ({"path": "7"}, "7"),
        ({"kind": "b"}, "b"),
    ],
)
def test_values_become_of_the_declared_type(given, value):
    (found,) = converted(**given).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"power": "much"}, "'power' of 'example' must be a number, not 'much'"),
        ({"power": "nan"}, "'power' of 'example' must be a number"),
        ({"power": float("inf")}, "'power' of 'example' must be a number, not inf"),
        ({"power": True}, "'power' of 'example' must be a number, not True"),
        ({"count": "1.5"}, "'count' of 'example' must be a whole number, not '1.5'"),
        ({"count": 1.0}, "'count' of 'example' must be a whole number, not 1.0"),
        ({"sharp": "maybe"}, "'sharp' of 'example' must be true or false, not 'maybe'"),
        ({"path": 3}, "'path' of 'example' must be a string, not 3"),
        ({"kind": "c"}, "unknown value for 'kind' of 'example': 'c'.*There are: a, b"),
        ({"pwoer": 1}, "unknown parameter of 'example': 'pwoer'; did you mean 'power'"),
        ({"": "3", "power": 2}, "'power' of 'example' is given twice"),
        ({"": "count"}, "'count' of 'example' is not of the form key=value"),
        ({"": "weight"}, "'weight' of 'example' is not of the form key=value"),
    ],
)
def test_what_does_not_fit_is_explained(given, message):
    with pytest.raises(JobError, match=message):
        converted(**given)


def test_a_value_without_a_key_is_the_first_parameters():
    assert converted(**{"": "3"}) == {"power": 3.0}
    with pytest.raises(JobError, match="'3' of 'x' is not of the form key=value"):
        convert_all((), {"": "3"}, "'x'")


def no_default(self, power: float) -> None: ...
def no_annotation(self, power=2.0) -> None: ...
def a_list(self, power: tuple = ()) -> None: ...
def numbers(self, power: Literal[1, 2] = 1) -> None: ...
def wrong_choice(self, power: Literal["a"] = "b") -> None: ...
def wrong_default(self, power: int = 2.5) -> None: ...
def truth_for_number(self, power: int = True) -> None: ...
def star(self, *power: float) -> None: ...
def stars(self, **power: float) -> None: ...
def positional(self, power: float = 1.0, /) -> None: ...


@pytest.mark.parametrize(
    ("constructor", "message"),
    [
        (no_default, "argument 'power' of Bad needs a default value"),
        (no_annotation, "must be annotated as bool, int, float, str or a Literal of strings"),
        (a_list, "must be annotated"),
        (numbers, "must be annotated"),
        (wrong_choice, "has the default 'b', which is not of its annotated type"),
        (wrong_default, "has the default 2.5, which is not of its annotated type"),
        (truth_for_number, "has the default True, which is not of its annotated type"),
        (star, "must be an ordinary named argument"),
        (stars, "must be an ordinary named argument"),
        (positional, "must be an ordinary named argument"),
    ],
)
def test_constructors_that_a_recipe_cannot_hold_are_refused(constructor, message):
    with pytest.raises(PluginError, match=message):
        parameters_of(type("Bad", (), {"__init__": constructor}))


def test_reserved_names_are_refused():
    with pytest.raises(PluginError, match=r"argument 'path' of Example has a reserved name \(path, x\); rename it"):
        parameters_of(Example, ("path", "x"))


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        ("noise", "noise", {}),
        ("noise:", "noise", {}),
        (" noise : a = 1 , b = x ", "noise", {"a": "1", "b": "x"}),
        ("image:path=a:b=c.png", "image", {"path": "a:b=c.png"}),
        ("tv:isotropic,weight=5", "tv", {"": "isotropic", "weight": "5"}),
        ("tv:a=", "tv", {"a": ""}),
        ('image:path="a,b.jpg"', "image", {"path": "a,b.jpg"}),
        ('image:"a,b=c.jpg"', "image", {"": "a,b=c.jpg"}),
        ('image: path = " a ", b="", c="6"" wide"', "image", {"path": " a ", "b": "", "c": '6" wide'}),
        ('image:path=6" wide.jpg,b=1', "image", {"path": '6" wide.jpg', "b": "1"}),
    ],
)
def test_specifications(text, name, params):
    spec = parse_spec(text)
    assert (spec.name, spec.params) == (name, params)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' has no name"),
        (":a=1", "':a=1' has no name"),
        ("tv:a=1,b", "'b' in 'tv:a=1,b' is not of the form key=value"),
        ("tv:=1", "'=1' in 'tv:=1' is not of the form key=value"),
        ("tv:a=1,a=2", "'a' is given twice in 'tv:a=1,a=2'"),
        ('image:path="a,b.jpg', "a quote in 'path=\"a,b.jpg' is not closed"),
        ('image:path="a"b', "is not a value in quotes"),
    ],
)
def test_specifications_that_make_no_sense_are_explained(text, message):
    with pytest.raises(JobError, match=message):
        parse_spec(text)


@settings(deadline=None)
@given(
    st.floats(PARAMETER.least, PARAMETER.most),
    st.integers(int(WHOLE_PARAMETER.least), int(WHOLE_PARAMETER.most)),
    st.booleans(),
    st.text(st.characters(exclude_characters="\0")) | st.text(alphabet=' ",=:a'),
)
def test_what_is_written_is_what_is_read(power, count, sharp, path):
    values = {"power": power, "count": count, "path": path, "sharp": sharp}
    text = format_spec(Component("example", values))
    assert convert_all(PARAMETERS, parse_spec(text).params, "it") == values
    assert split_values(f"a,{text},b=1")[0] == "a"


def test_only_what_needs_quotes_is_in_quotes():
    assert format_spec(Component("noise")) == "noise"
    assert format_spec(Component("image", {"path": "a b=c:d.jpg", "n": 2})) == "image:path=a b=c:d.jpg,n=2"
    assert format_spec(Component("image", {"path": 'a,"b".jpg'})) == 'image:path="a,""b"".jpg"'


def test_a_parameter_by_itself():
    with pytest.raises(UnknownNameError, match="'red'"):
        Parameter("colour", str, "blue", ("blue", "green")).convert("red", "it")
