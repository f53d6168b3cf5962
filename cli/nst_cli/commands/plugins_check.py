"""``nst plugins check``: the conformance kit on an installed component."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from nst_cli import console

if TYPE_CHECKING:
    from nst_core.testing import Outcome

__all__ = ["check"]


def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME[:k=v,…]", help="Component as listed by 'nst plugins', with parameters.", show_default=False
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a component behaves as its interface requires; exit code 1 if it does not.

    Examples:

    nst plugins check gram-style

    nst plugins check vgg19:weights=my-weights
    """
    from nst_cli.commands.plugins_show import named
    from nst_core.components.parameters import parse_spec
    from nst_core.plugins.discovery import default_registry
    from nst_core.testing import conformance, run_checks

    registry, spec = default_registry(), parse_spec(name)
    outcomes = []
    for entry in named(registry, spec.name):
        params = registry.checked(entry.kind, spec).params
        outcomes += list(run_checks(conformance(entry.cls, **params)))
    failed = sum(outcome.verdict == "failed" for outcome in outcomes)
    if as_json:
        console.out(json.dumps([_plain(outcome) for outcome in outcomes], indent=2))
    else:
        _table(outcomes)
        console.say(f"{spec.name}: {len(outcomes)} checks, {failed} failed")
    if failed:
        raise typer.Exit(1)


def _plain(outcome: Outcome) -> dict[str, str]:
    return {
        "check": str(outcome.check),
        "verdict": outcome.verdict,
        "demand": outcome.check.demand,
        "detail": outcome.detail,
    }


def _table(outcomes: list[Outcome]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("verdict", "check", "demand"):
        table.add_column(heading, no_wrap=heading == "verdict")
    colours = {"passed": "green", "failed": "bold red", "skipped": "dim"}
    for outcome in outcomes:
        detail = f"\n{outcome.detail}" if outcome.detail else ""
        verdict = f"[{colours[outcome.verdict]}]{outcome.verdict}[/]"
        table.add_row(verdict, escape(str(outcome.check)), escape(f"{outcome.check.demand}{detail}"))
    Console().print(table)
