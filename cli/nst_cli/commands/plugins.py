"""``nst plugins``: what there is, whose it is, and what failed to load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nst_cli import console
from nst_cli.commands import plugins_check, plugins_new, plugins_show

if TYPE_CHECKING:
    from nst_core.components.parameters import Parameter
    from nst_core.components.registry import Entry, Registry
    from nst_core.provenance import Failure

__all__ = ["app", "component"]

app = typer.Typer(
    help="List, show, check and create plugins.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("show")(plugins_show.show)
app.command("check")(plugins_check.check)
app.command("new")(plugins_new.new)


@app.callback()
def plugins(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every component, its package and parameters, and the plugins that failed to load."""
    if context.invoked_subcommand is not None:
        return
    from nst_core.plugins.discovery import default_registry

    registry = default_registry()
    if as_json:
        console.out(json.dumps(_plain(registry), indent=2))
    else:
        _table(registry)


def _plain(registry: Registry) -> dict[str, Any]:
    return {
        "components": [component(entry) for entry in registry.entries()],
        "failures": [_failure(failure) for failure in registry.failures],
    }


def component(entry: Entry) -> dict[str, Any]:
    """Return a component as plain data."""
    parameters = [
        {"name": p.name, "type": p.type.__name__, "default": p.default, "choices": list(p.choices)}
        for p in entry.parameters
    ]
    return {
        "kind": entry.kind,
        "name": entry.name,
        "role": entry.role,
        "summary": entry.summary,
        "plugin": entry.origin.plugin,
        "package": entry.origin.package,
        "version": entry.origin.version,
        "parameters": parameters,
    }


def _failure(failure: Failure) -> dict[str, str]:
    origin = failure.origin
    return {
        "plugin": origin.plugin,
        "package": origin.package,
        "version": origin.version,
        "error": failure.error,
        "detail": failure.detail,
    }


def _parameter(parameter: Parameter) -> str:
    """Write the default first, then the other choices."""
    others = [choice for choice in parameter.choices if choice != parameter.default]
    return f"{parameter.name}={'|'.join([str(parameter.default), *others])}"


def _table(registry: Registry) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("kind", "name", "parameters", "package"):
        table.add_column(heading, no_wrap=heading in ("kind", "name"))
    for entry in registry.entries():
        parameters = ", ".join(map(_parameter, entry.parameters))
        package = f"{entry.origin.package} {entry.origin.version}"
        table.add_row(entry.title, entry.name, escape(f"{entry.summary}\n{parameters}".strip()), escape(package))
    Console().print(table)
    for failure in registry.failures:
        console.say(f"failed: {failure.origin}: {failure.error}")
