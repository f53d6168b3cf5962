"""Whole commands that plugins add to ``nst``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from nst_cli import console

__all__ = ["plugin_commands"]


@functools.cache
def plugin_commands(own: frozenset[str]) -> dict[str, Any]:
    """Return the commands of all installed plugins but the built-in one, by name; broken plugins are skipped.

    Args:
        own: names of the commands that ``nst`` has itself.
    """
    from nst_core.plugins.commands import load_commands
    from nst_core.plugins.entry_points import third_parties

    if not third_parties():
        return {}

    found, failures = load_commands(_collected, own)
    for failure in failures:
        console.say(f"note: skipped the commands of {failure.origin}: {failure.error}")
    return {name: _attributed(command, str(origin)) for name, (origin, command) in found.items()}


def _collected(add: Callable[[Any], None]) -> dict[str, Any]:
    """Return what a plugin adds to an application."""
    app = typer.Typer()
    add(app)
    if not app.registered_commands and not app.registered_groups:
        return {}
    app.callback()(lambda: None)  # so that a single command stays a command of its own
    return dict(typer.main.get_group(app).commands)


def _attributed(command: TyperCommand | TyperGroup, origin: str) -> TyperCommand | TyperGroup:
    """Let a command name its plugin where it fails, as it is no defect of ``nst``."""
    invoke = command.invoke

    def invoked(context: Any) -> Any:
        from nst_core.errors import NstError, PluginError, is_out_of_memory

        try:
            return invoke(context)
        except Exception as error:
            ends = isinstance(error, NstError | typer.Abort) or hasattr(error, "exit_code")  # those of Typer have one
            if ends or is_out_of_memory(error):
                raise
            raise PluginError(f"{origin} failed: {type(error).__name__}: {error}") from error

    command.invoke = invoked  # type: ignore[assignment, method-assign]
    return command
