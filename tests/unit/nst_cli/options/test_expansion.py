"""Groups become options, and what was parsed becomes groups again."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from nst_cli.options.expansion import JobOptions, OptionGroup, expand
from nst_core import JobError
from nst_core.options.table import OPTIONS


@dataclass
class Loud(OptionGroup):
    """How loud."""

    loud: Annotated[bool, typer.Option("--loud")] = False
    times: Annotated[int, typer.Option()] = 1


def command(
    name: str, loudness: Loud, options: JobOptions, size: Annotated[str, typer.Option(help="Mine.")] = "large"
) -> None:
    """Do it."""
    SEEN.append((name, loudness, options.given, size))


SEEN: list[tuple] = []


@pytest.fixture
def expanded():
    SEEN.clear()
    return expand(command)


def test_groups_become_parameters_and_what_a_command_declares_itself_stays(expanded):
    parameters = inspect.signature(expanded).parameters
    assert [*parameters][:3] == ["name", "loud", "times"]
    assert {option.name for option in OPTIONS} <= {*parameters}
    assert "loudness" not in parameters
    assert parameters["size"].default == "large"
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())
    assert {*expanded.__annotations__} == {*parameters}
    assert expanded.__doc__ == "Do it."


def test_values_become_groups_and_only_what_was_given_is_kept(expanded):
    values = {name: p.default for name, p in inspect.signature(expanded).parameters.items() if name != "name"}
    expanded(name="x", **values)
    expanded(name="y", **{**values, "loud": True, "seed": 0, "plugins": ["tv"], "blend": "0.7,0.3", "without": []})
    assert [
        ("x", Loud(), {}, "large"),
        ("y", Loud(loud=True), {"seed": 0, "plugins": ["tv"], "blend": [0.7, 0.3]}, "large"),
    ] == SEEN


def test_what_cannot_be_read_is_explained(expanded):
    values = {name: p.default for name, p in inspect.signature(expanded).parameters.items() if name != "name"}
    with pytest.raises(JobError, match="invalid list of numbers"):
        expanded(name="x", **{**values, "blend": "much"})
