"""The plugins that are installed: entry points of the group ``nst``. Imports no torch."""

from __future__ import annotations

import difflib
import os
import re
import traceback
from collections.abc import Mapping
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points

import pluggy

from nst_core.errors import PluginError
from nst_core.plugins import hookspecs
from nst_core.provenance import Failure, Origin

__all__ = ["BUILTIN", "failure_of", "installed", "is_wanted", "third_parties"]

BUILTIN = "builtin"
"""Name of the entry point of the plugin that comes with the framework."""


def third_parties() -> bool:
    """Say whether any plugin but the built-in one is installed; quicker than :func:`installed`."""
    return any(point.name != BUILTIN for point in entry_points(group=hookspecs.PROJECT))


def installed() -> list[tuple[Origin, EntryPoint]]:
    """Find the entry points of group ``nst``: the built-ins first, then by package and name."""
    found: dict[Origin, EntryPoint] = {}
    for distribution in distributions():
        for point in distribution.entry_points.select(group=hookspecs.PROJECT):
            # A distribution may be seen twice on sys.path; the first one is the one that imports.
            found.setdefault(_origin(distribution, point), point)
    return sorted(found.items(), key=lambda item: (item[0].plugin != BUILTIN, item[0].package, item[0].plugin))


def _origin(distribution: Distribution, point: EntryPoint) -> Origin:
    return Origin(point.name, distribution.metadata["Name"] or "unknown", distribution.version or "unknown")


def is_wanted(origin: Origin, environment: Mapping[str, str] | None = None) -> bool:
    """Say whether ``NST_LOAD_PLUGINS`` and ``NST_DISABLE_PLUGINS`` let a plugin be loaded."""
    environment = os.environ if environment is None else environment
    names = {origin.plugin, origin.package}
    load = environment.get("NST_LOAD_PLUGINS")
    if load is not None and not names & _listed(load):
        return False
    return not names & _listed(environment.get("NST_DISABLE_PLUGINS", ""))


def _listed(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")}


def _near_hook(message: str) -> str:
    """Suggest a hook where the message is about one that does not exist."""
    unknown = re.search(r"unknown hook '(\w+)'", message)
    hooks = [name for name in vars(hookspecs) if name.startswith("nst_")]
    near = difflib.get_close_matches(unknown[1], hooks, n=1) if unknown else []
    return f"; did you mean '{near[0]}'?" if near else ""


def failure_of(origin: Origin, error: BaseException) -> Failure:
    """Describe why a plugin was skipped."""
    if isinstance(error, PluginError):
        message = str(error)
    elif isinstance(error, pluggy.PluginValidationError):
        message = f"{str(error).splitlines()[-1]}{_near_hook(str(error))} (the hooks are in docs/plugins/reference.md)"
    else:
        message = f"{type(error).__name__}: {error}"
    return Failure(origin, message.removeprefix(f"{origin}: "), traceback.format_exc())
