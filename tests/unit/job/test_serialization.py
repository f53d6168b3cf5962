"""Dataclasses to plain data and back: strict, exact, and with the path of what is wrong."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Literal, get_args, get_type_hints

import pytest

from nst_core import Component, Job, JobError, Source, Term, UnknownNameError
from nst_core.job.serialization import NEUTRAL, flattened, from_plain, to_plain


@dataclass(frozen=True)
class Leaf:
    number: float
    word: Literal["red", "green"] = "red"


@dataclass(frozen=True)
class Tree:
    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()
    pair: tuple[int, int] | None = None
    values: Mapping[str, bool | int | float | str] = field(default_factory=dict, metadata=NEUTRAL)
    flag: bool = field(default=False, metadata=NEUTRAL)


TREE = Tree(Leaf(0.1), (Leaf(1e-300), Leaf(2.0, "green")), (3, 4), {"a": True, "b": 1, "c": 1.5, "d": "x"}, flag=True)


def test_there_and_back():
    assert from_plain(Tree, to_plain(TREE)) == TREE
    assert from_plain(Tree, {"leaf": {"number": 1}}) == Tree(Leaf(1.0))


def test_plain_data_is_scalars_lists_and_dicts_without_what_is_unset():
    assert to_plain(Tree(Leaf(1.0))) == {
        "leaf": {"number": 1.0, "word": "red"},
        "leaves": [],
        "values": {},
        "flag": False,
    }
    assert to_plain(TREE)["pair"] == [3, 4]


def test_neutral_fields_are_left_out_where_they_have_their_default():
    assert to_plain(Tree(Leaf(1.0)), without_neutral=True) == {"leaf": {"number": 1.0, "word": "red"}, "leaves": []}
    assert to_plain(Tree(Leaf(1.0), flag=True), without_neutral=True)["flag"] is True
    assert to_plain(Tree(Leaf(1.0), values={"a": 1}), without_neutral=True)["values"] == {"a": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], r"^the document must be a table of keys and values, not a list$"),
        ({}, r"^'leaf' is missing$"),
        ({"leaf": {}}, r"^'leaf.number' is missing$"),
        ({"leaf": 3}, r"^leaf must be a table of keys and values, not 3$"),
        ({"leaf": {"number": "1"}}, r"^'leaf.number' must be a number, not '1'$"),
        ({"leaf": {"number": True}}, r"^'leaf.number' must be a number, not True$"),
        ({"leaf": {"number": float("nan")}}, r"^'leaf.number' must be a number, not nan$"),
        ({"leaf": {"number": 1, "word": "gren"}}, r"unknown value for 'leaf.word': 'gren'; did you mean 'green'"),
        ({"leaf": {"number": 1, "word": ["red"]}}, r"unknown value for 'leaf.word'"),
        ({"leaf": {"number": 1}, "pair": [1]}, r"^'pair' must have 2 entries, not 1$"),
        ({"leaf": {"number": 1}, "pair": [1, 2.5]}, r"^'pair\[1\]' must be a whole number, not 2.5$"),
        ({"leaf": {"number": 1}, "leaves": [{"number": 1}, {}]}, r"^'leaves\[1\].number' is missing$"),
        ({"leaf": {"number": 1}, "leaves": "abc"}, r"^'leaves' must be a list, not 'abc'$"),
        ({"leaf": {"number": 1}, "values": [1]}, r"^'values' must be a table of keys and values, not a list$"),
        ({"leaf": {"number": 1}, "values": {"a": {}}}, r"^'values.a' must be true or false or .*, not a table$"),
        ({"leaf": {"number": 1}, "values": {"a": float("inf")}}, r"^'values.a' must be"),
        ({"leaf": {"number": 1}, "flag": 1}, r"^'flag' must be true or false, not 1$"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(data, message):
    with pytest.raises(JobError, match=message):
        from_plain(Tree, data)


@pytest.mark.parametrize(
    ("data", "near"),
    [({"leaf": {"nummber": 1}}, "leaf.number"), ({"leaf": {"number": 1}, "leafs": []}, "leaves")],
)
def test_unknown_keys_suggest_the_nearest(data, near):
    with pytest.raises(UnknownNameError, match=f"did you mean .*'{near}'"):
        from_plain(Tree, data)


def test_long_values_are_cut_in_messages():
    with pytest.raises(JobError) as error:
        from_plain(Tree, {"leaf": {"number": "x" * 1000}})
    assert len(str(error.value)) < 120


def test_flattened_names_every_scalar():
    assert flattened(to_plain(TREE)) == {
        "leaf.number": 0.1,
        "leaf.word": "red",
        "leaves[0].number": 1e-300,
        "leaves[0].word": "red",
        "leaves[1].number": 2.0,
        "leaves[1].word": "green",
        "pair[0]": 3,
        "pair[1]": 4,
        "values.a": True,
        "values.b": 1,
        "values.c": 1.5,
        "values.d": "x",
        "flag": True,
    }


@pytest.mark.parametrize("cls", [Job, Source, Term, Component])
def test_a_field_that_may_be_unset_is_unset_by_default(cls):
    """Unset fields are not written, so what is not written must be read as unset."""
    assert is_dataclass(cls)
    hints = get_type_hints(cls)
    for each in fields(cls):
        if types.NoneType in get_args(hints[each.name]):
            assert each.default is None
        if each.metadata.get("neutral"):
            assert each.default is not MISSING or each.default_factory is not MISSING
