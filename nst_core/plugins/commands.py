"""Commands of plugins: asking for them without registering components. Imports no torch by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import pluggy

from nst_core.errors import PluginError
from nst_core.plugins import hookspecs
from nst_core.plugins.entry_points import BUILTIN, failure_of, installed, is_wanted
from nst_core.provenance import Failure, Origin

__all__ = ["load_commands"]

T = TypeVar("T")


def load_commands(
    collect: Callable[[Callable[[Any], None]], Mapping[str, T]], taken: Collection[str] = ()
) -> tuple[dict[str, tuple[Origin, T]], list[Failure]]:
    """Ask every installed plugin but the built-in one for its commands.

    Args:
        collect: given a function that lets one plugin add its commands to an application, returns these by name.
        taken: names of commands that plugins cannot have.

    Returns:
        The commands by name, each with the plugin that it comes from; and the plugins that failed, of which no command
        is taken.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    found: dict[str, tuple[Origin, T]] = {}
    failures = []
    for origin, point in installed():
        if origin.plugin == BUILTIN or not is_wanted(origin):
            continue
        try:
            module = point.load()
            manager.register(module, name=f"{origin.package}:{origin.plugin}")
            others = [plugin for plugin in manager.get_plugins() if plugin is not module]
            hook = manager.subset_hook_caller("nst_register_commands", others)
            commands = collect(lambda app, hook=hook: hook(app=app))  # type: ignore[misc]
            for name in commands:
                _check_free(name, taken, found)
        except (Exception, SystemExit) as error:  # whatever a third party does, the program goes on
            failures.append(failure_of(origin, error))
        else:
            found |= {name: (origin, command) for name, command in commands.items()}
    return found, failures


def _check_free(name: str, taken: Collection[str], found: Mapping[str, tuple[Origin, Any]]) -> None:
    if name in taken:
        raise PluginError(f"command '{name}': nst has a command of that name; choose another")
    if name in found:
        raise PluginError(f"command '{name}': the name is taken by {found[name][0]}; choose another")
