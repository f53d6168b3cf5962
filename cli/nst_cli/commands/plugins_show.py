"""``nst plugins show``: all about one component."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated

import typer

from nst_cli import console

if TYPE_CHECKING:
    from nst_core.components.registry import Entry, Registry

__all__ = ["show"]


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Component as listed by 'nst plugins'.", show_default=False)
    ],
) -> None:
    """Print a component's description, parameters, role, tileability and package.

    Example:

    nst plugins show w2-style
    """
    from nst_core.plugins.discovery import default_registry

    console.out("\n\n".join(map(_described, named(default_registry(), name))))


def named(registry: Registry, name: str) -> list[Entry]:
    """Return the components of this name, of whatever kind.

    Raises:
        UnknownNameError: there is none.
    """
    from nst_core.errors import unknown_name

    found = [entry for entry in registry.entries() if entry.name == name]
    if not found:
        raise unknown_name("component", name, (e.name for e in registry.entries()), "See 'nst plugins'.")
    return found


def _described(entry: Entry) -> str:
    facts = {"kind": entry.title, **_facts(entry), "package": str(entry.origin), "class": _place(entry.cls)}
    width = max(map(len, facts))
    lines = [entry.name, ""]
    lines += [f"  {key.ljust(width)}  {value}" for key, value in facts.items()]
    lines += ["", *(f"  {line}".rstrip() for line in (inspect.getdoc(entry.cls) or "(no description)").splitlines())]
    lines += ["", "  parameters" if entry.parameters else "  no parameters"]
    for parameter in entry.parameters:
        allowed = " | ".join(parameter.choices) or parameter.type.__name__
        lines.append(f"    {parameter.name} = {parameter.default!r}   ({allowed})")
    return "\n".join(lines)


def _facts(entry: Entry) -> dict[str, str]:
    if entry.kind == "loss":
        weight, layers = entry.cls.default_weight, entry.cls.default_layers
        return {
            "based on": entry.base,
            "tiles": "exactly" if entry.tileable else "no: it looks at whole maps",
            "weight": "the preset's" if weight is None else f"{weight:g}, with the default preset",
            "layers": "the pixels alone" if entry.base == "ImageLoss" else "+".join(layers) or "the extractor's",
        }
    if entry.kind == "extractor":
        cls = entry.cls
        return {
            "content": "+".join(cls.content_layers) or "no layers of its own choice",
            "style": "+".join(cls.style_layers) or "no layers of its own choice",
            "exports": "to TorchScript" if cls.scriptable else "not to TorchScript",
        }
    return {}


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
