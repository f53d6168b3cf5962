"""Whole commands that plugins add to ``nst``."""

from __future__ import annotations

import functools
from typing import Any

import typer

from nst_cli import console

__all__ = ["plugin_commands"]


@functools.cache
def plugin_commands() -> dict[str, Any]:
    """Return the commands of all installed plugins but the built-in one, by name; broken plugins are skipped."""
    from nst_core.plugins.commands import load_commands
    from nst_core.plugins.entry_points import third_parties

    if not third_parties():
        return {}

    app = typer.Typer()
    for failure in load_commands(app):
        console.say(f"note: {failure.origin} adds no commands: {failure.error}")
    if not app.registered_commands and not app.registered_groups:
        return {}
    app.callback()(lambda: None)  # so that a single command stays a command of its own
    commands: dict[str, Any] = dict(typer.main.get_group(app).commands)
    return commands
