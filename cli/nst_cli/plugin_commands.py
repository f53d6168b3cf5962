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

    app = typer.Typer()
    for failure in load_commands(app):
        console.say(f"note: skipped the commands of {failure.origin}: {failure.error}")
    if not app.registered_commands and not app.registered_groups:
        return {}
    app.callback()(lambda: None)  # so that a single command stays a command of its own
    commands: dict[str, Any] = dict(typer.main.get_group(app).commands)
    return commands
