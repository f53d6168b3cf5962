"""``nst doctor``: what this installation is, and whether it works, on one screen."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from nst_cli import console, exit_codes

__all__ = ["doctor"]


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show versions, device, kernels and weights, and check that everything works. Exit code 1 if not."""
    from nst_core.diagnostics import diagnose

    report = diagnose()
    broken = {name: wrong for name, wrong in report["checks"].items() if wrong}
    if as_json:
        console.out(json.dumps(report, indent=2))
    else:
        for line in _lines(report):
            console.out(line)
    if broken:
        raise typer.Exit(exit_codes.FAILED)


def _processors(found: dict[str, Any]) -> str:
    """Say what decides the number of threads."""
    present = f"{found['present']} processor{'s' if found['present'] != 1 else ''}"
    allowed = "all of them" if found["affinity"] == found["present"] else str(found["affinity"])
    quota = "no quota" if found["quota"] is None else f"a quota of {found['quota']:.3g}"
    return f"{present}, affinity allows {allowed}, {quota}"


def _lines(report: dict[str, Any]) -> list[str]:
    commit = f" (commit {report['commit']})" if report["commit"] else ""
    versions = ", ".join(
        f"{name} {number}{commit if name == 'nst' else ''}" for name, number in report["versions"].items()
    )
    build = report["build"]
    kernels = (
        f"native ({build['isa']}, {build['compiler']}, compiled for torch {build['torch']})"
        if build
        else f"reference, slower: {report['kernels_reason']}"
    )
    sets = [f"{s['name']} ({s['architecture']}: {s['source']})" for s in report["weights"]] or ["none"]
    lines = [
        f"versions    {versions}",
        f"device      {report['device']} ({report['processor']})",
        f"threads     {report['threads']}; {_processors(report['processors'])}",
        f"precision   auto is {report['precision']}: {report['precision_reason']}",
        f"kernels     {kernels}",
        *(f"{'weights' if i == 0 else '':<12}{text}" for i, text in enumerate(sets)),
        *(f"            not usable: {text}" for text in report["weights_failures"]),
        f"extractor   {report['extractor']}",
        f"plugins     {report['plugins']} components",
        *(f"            failed: {text}" for text in report["plugin_failures"]),
    ]
    for name, wrong in report["checks"].items():
        lines.append(f"check       {name}: {wrong or 'works'}")
    return lines
