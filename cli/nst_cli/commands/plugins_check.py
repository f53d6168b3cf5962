"""``nst plugins check``: the conformance kit on an installed component."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nst_cli import console, exit_codes

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
    badge: Annotated[
        Path | None,
        typer.Option("--badge", metavar="FILE", help="Write a badge for a README (.svg).", show_default=False),
    ] = None,
) -> None:
    """Check that a component behaves as its interface requires; exit code 1 if it does not.

    Examples:

    nst plugins check gram-style

    nst plugins check vgg19:weights=my-weights

    nst plugins check warm-style --badge conforms.svg
    """
    from nst_cli.commands.plugins_show import named
    from nst_core.components.parameters import parse_spec
    from nst_core.plugins.discovery import default_registry
    from nst_core.testing import conformance, run_checks

    if badge is not None:
        _check_badge(badge)
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
    if badge is not None:
        _write_badge(badge, passed=sum(outcome.verdict == "passed" for outcome in outcomes), failed=failed)
    if failed:
        raise typer.Exit(exit_codes.FAILED)


def _check_badge(path: Path) -> None:
    from nst_core.errors import NstError
    from nst_core.files import check_writable

    if path.suffix.lower() != ".svg":
        raise NstError(f"a badge is an SVG picture; write it to a file such as {path.with_suffix('.svg').name}")
    check_writable(path, NstError)


def _write_badge(path: Path, *, passed: int, failed: int) -> None:
    """Write what came out as a picture, and say how a README shows it."""
    from importlib.metadata import version

    from nst_cli.badge import BAD, GOOD, badge
    from nst_core.files import atomic_write

    found = f"{failed} checks failed" if failed else f"{passed} checks passed"
    with atomic_write(path) as temporary:
        temporary.write_text(badge(f"nst {version('nst')}", found, BAD if failed else GOOD), encoding="utf-8")
    console.say(f"for a README: ![nst: {found}]({path.name})")


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
