"""Commands of plugins: asking for them without registering components. Imports no torch by itself."""

from __future__ import annotations

from typing import Any

import pluggy

from nst_core.plugins import hookspecs
from nst_core.plugins.entry_points import BUILTIN, failure_of, installed, is_wanted
from nst_core.provenance import Failure

__all__ = ["load_commands"]


def load_commands(app: Any) -> list[Failure]:
    """Let every installed plugin but the built-in one add its commands to ``app``; return those that failed."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    failures = []
    for origin, point in installed():
        if origin.plugin == BUILTIN or not is_wanted(origin):
            continue
        try:
            module = point.load()
            manager.register(module)
            others = [plugin for plugin in manager.get_plugins() if plugin is not module]
            manager.subset_hook_caller("nst_register_commands", others)(app=app)
        except Exception as error:  # whatever a third party does, the program goes on
            failures.append(failure_of(origin, error))
    return failures
