"""Finding plugins and asking them for their components. A broken one is recorded and skipped, never fatal."""

from __future__ import annotations

import difflib
import functools
import os
import re
import traceback
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

import pluggy

from nst_core.components.registry import KINDS, Failure, Origin, Registry
from nst_core.errors import PluginError
from nst_core.plugins import hookspecs

__all__ = ["default_registry", "load_registry"]

GROUP = hookspecs.PROJECT
BUILTIN = "builtin"


@functools.cache
def default_registry() -> Registry:
    """Return the registry of everything installed, loaded once a process."""
    return load_registry()


def load_registry(
    plugins: Iterable[tuple[Origin, EntryPoint | Any]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Registry:
    """Load plugins into a new registry.

    Args:
        plugins: pairs of origin and entry point (or plugin object); all installed ones by default.
        environment: where ``NST_LOAD_PLUGINS`` (names to load, all where unset, none where empty) and
            ``NST_DISABLE_PLUGINS`` (names of plugins or packages to leave out) are looked up.
    """
    environment = os.environ if environment is None else environment
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    registry = Registry()
    for origin, plugin in installed() if plugins is None else plugins:
        if _wanted(origin, environment):
            try:
                _load(manager, registry, origin, plugin)
            except Exception as error:  # whatever a third party does, the program goes on
                registry.discard(origin)
                registry.failures.append(_failure(origin, error))
    return registry


def installed() -> list[tuple[Origin, EntryPoint]]:
    """Find the entry points of group ``nst``: the built-ins first, then by package and name."""
    found: dict[Origin, EntryPoint] = {}
    for distribution in distributions():
        for point in distribution.entry_points.select(group=GROUP):
            # A distribution may be seen twice on sys.path; the first one is the one that imports.
            found.setdefault(_origin(distribution, point), point)
    return sorted(found.items(), key=lambda item: (item[0].plugin != BUILTIN, item[0].package, item[0].plugin))


def _origin(distribution: Distribution, point: EntryPoint) -> Origin:
    return Origin(point.name, distribution.metadata["Name"] or "unknown", distribution.version or "unknown")


def _wanted(origin: Origin, environment: Mapping[str, str]) -> bool:
    names = {origin.plugin, origin.package}
    load = environment.get("NST_LOAD_PLUGINS")
    if load is not None and not names & _listed(load):
        return False
    return not names & _listed(environment.get("NST_DISABLE_PLUGINS", ""))


def _listed(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")}


def _load(manager: pluggy.PluginManager, registry: Registry, origin: Origin, plugin: EntryPoint | Any) -> None:
    module = plugin.load() if isinstance(plugin, EntryPoint) else plugin
    name = manager.register(module, name=f"{origin.package}:{origin.plugin}")
    try:
        manager.check_pending()
        if not manager.get_hookcallers(module):
            raise PluginError("it implements no hook; is @nst_core.hookimpl missing?")
        for kind in KINDS:
            _ask(manager, registry, origin, module, kind)
    except Exception:
        manager.unregister(name=name)
        raise


def _ask(manager: pluggy.PluginManager, registry: Registry, origin: Origin, module: Any, kind: str) -> None:
    hook = "nst_register_losses" if kind == "loss" else f"nst_register_{kind}s"
    others = [p for p in manager.get_plugins() if p is not module]
    manager.subset_hook_caller(hook, others)(
        register=lambda name, component: registry.add(kind, name, component, origin)
    )


def _near_hook(message: str) -> str:
    """Suggest a hook where the message is about one that does not exist."""
    unknown = re.search(r"unknown hook '(\w+)'", message)
    hooks = [name for name in vars(hookspecs) if name.startswith("nst_")]
    near = difflib.get_close_matches(unknown[1], hooks, n=1) if unknown else []
    return f"; did you mean '{near[0]}'?" if near else ""


def _failure(origin: Origin, error: Exception) -> Failure:
    if isinstance(error, PluginError):
        message = str(error)
    elif isinstance(error, pluggy.PluginValidationError):
        message = f"{str(error).splitlines()[-1]}{_near_hook(str(error))} (the hooks are in docs/plugins/reference.md)"
    else:
        message = f"{type(error).__name__}: {error}"
    return Failure(origin, message.removeprefix(f"{origin}: "), traceback.format_exc())
