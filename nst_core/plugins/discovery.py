"""Finding plugins and asking them for their components. A broken one is recorded and skipped, never fatal."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from nst_core.components.kinds import KINDS
from nst_core.components.registry import Registry
from nst_core.errors import PluginError
from nst_core.plugins import hookspecs
from nst_core.plugins.entry_points import failure_of, installed, is_wanted
from nst_core.provenance import Origin

__all__ = ["default_registry", "load_registry"]


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
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    registry = Registry()
    for origin, plugin in installed() if plugins is None else plugins:
        if is_wanted(origin, environment):
            try:
                _load(manager, registry, origin, plugin)
            except (Exception, SystemExit) as error:  # whatever a third party does, the program goes on
                registry.discard(origin)
                registry.failures.append(failure_of(origin, error))
    return registry


def _load(manager: pluggy.PluginManager, registry: Registry, origin: Origin, plugin: EntryPoint | Any) -> None:
    module = plugin.load() if isinstance(plugin, EntryPoint) else plugin
    name = manager.register(module, name=f"{origin.package}:{origin.plugin}")
    try:
        manager.check_pending()
        if not manager.get_hookcallers(module):
            raise PluginError("no hook is implemented; is @nst_core.hookimpl missing?")
        for kind in KINDS:
            _ask(manager, registry, origin, module, kind)
    except Exception:
        manager.unregister(name=name)
        raise


def _ask(manager: pluggy.PluginManager, registry: Registry, origin: Origin, module: Any, kind: str) -> None:
    others = [p for p in manager.get_plugins() if p is not module]
    manager.subset_hook_caller(KINDS[kind].hook, others)(
        register=lambda name, component: registry.add(kind, name, component, origin)
    )
