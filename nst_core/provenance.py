"""Where a component comes from, and plugins that failed. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Failure", "Origin"]


@dataclass(frozen=True)
class Origin:
    """Where a component comes from.

    Attributes:
        plugin: name of the entry point.
        package: name of the distribution.
        version: version of the distribution.
    """

    plugin: str
    package: str
    version: str

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' of package {self.package} {self.version}"


@dataclass(frozen=True)
class Failure:
    """A plugin that was skipped.

    Attributes:
        origin: whose it is.
        error: what went wrong, in one line.
        detail: the traceback.
    """

    origin: Origin
    error: str
    detail: str
