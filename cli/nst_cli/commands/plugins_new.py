"""``nst plugins new``: a complete package to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli import console

__all__ = ["new"]


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the component, such as warm-style.", show_default=False)
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Folder to write to.", show_default="nst-NAME"),
    ] = None,
    kind: Annotated[str, typer.Option(metavar="KIND", help="Kind of component; an unknown one lists all.")] = "loss",
) -> None:
    """Create a pip package with a small working component, its tests and a README.

    Example:

    nst plugins new warm-style --kind loss

    pip install --no-build-isolation -e nst-warm-style

    nst plugins show warm-style
    """
    from nst_cli.scaffolding.scaffold import write_package
    from nst_core.plugins.discovery import default_registry

    target = folder or Path(f"nst-{name}")
    write_package(name, kind, target, default_registry())
    console.say(f"next: pip install --no-build-isolation -e '{target}', then: pytest '{target}'")
    console.out(str(target))
