"""Groups of options: declared once, taken by many commands.

A command has one parameter for each group that it takes; :func:`expand` makes of it the options that Typer sees.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Self, get_type_hints

import typer

from nst_core.options import table
from nst_core.options.table import Option

__all__ = ["JobOptions", "OptionGroup", "expand"]


class OptionGroup:
    """Options that belong together. A dataclass that derives from it has a field for each, annotated as Typer wants."""

    @classmethod
    def parameters(cls, taken: set[str]) -> list[inspect.Parameter]:  # noqa: ARG003
        """Return the options as parameters of a command that has others of the names ``taken``."""
        hints = get_type_hints(cls, include_extras=True)
        return [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(cls, name), annotation=hints[name])
            for name in inspect.signature(cls).parameters
        ]

    @classmethod
    def collect(cls, values: dict[str, Any]) -> Self:
        """Make the group from what was parsed."""
        return cls(**values)


class JobOptions(OptionGroup):
    """What can be chosen of a job, from the table of options.

    Attributes:
        sources: of the images that jobs of this command have.
        given: what was given on the command line, by name of the option.
    """

    sources: ClassVar[tuple[str, ...]] = ("content", "style")

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given

    @classmethod
    def rows(cls) -> list[Option]:
        """Return the options of this group."""
        both = {"content", "style"} <= {*cls.sources}
        return [
            option
            for option in table.OPTIONS
            if not option.source or option.source in cls.sources or (option.source == "both" and both)
        ]

    @classmethod
    def parameters(cls, taken: set[str]) -> list[inspect.Parameter]:
        """Return a parameter for each row of the table, but for those that the command declares itself."""
        return [
            inspect.Parameter(
                option.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[option.type.cli | None, _declared(option)],
            )
            for option in cls.rows()
            if option.name not in taken
        ]

    @classmethod
    def collect(cls, values: dict[str, Any]) -> Self:
        """Keep what was given, in the form in which the API takes it."""
        rows = table.options_table()
        return cls({name: rows[name].type.from_cli(value) for name, value in values.items() if value not in (None, [])})


def _declared(option: Option) -> Any:
    return typer.Option(
        "/".join(option.flags),
        help=option.help,
        metavar=option.metavar or None,
        show_default=option.default or False,
        rich_help_panel=option.panel,
    )


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as Typer takes it: every parameter that is a group becomes its options."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, OptionGroup)}
    signature = inspect.signature(command)
    own = {name for name in signature.parameters if name not in groups}
    parameters: list[inspect.Parameter] = []
    names: dict[str, list[str]] = {}
    for name, parameter in signature.parameters.items():
        if name in groups:
            found = groups[name].parameters(own)
            names[name] = [inner.name for inner in found]
            parameters += found
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hints[name], kind=kind))

    @functools.wraps(command)
    def expanded(**values: Any) -> None:
        collected = {
            name: groups[name].collect({inner: values.pop(inner) for inner in inners}) for name, inners in names.items()
        }
        command(**values, **collected)

    expanded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded
