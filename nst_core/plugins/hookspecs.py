"""The extension points. A plugin implements any of these hooks and calls ``register(name, component_class)``."""

from __future__ import annotations

from typing import Any, Protocol

import pluggy

__all__ = ["PROJECT", "Register", "hookimpl", "hookspec"]

PROJECT = "nst"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """What a hook is given: call it once for each component."""

    def __call__(self, name: str, component: type[Any]) -> None:
        """Register ``component`` under a kebab-case ``name``."""


@hookspec
def nst_register_extractors(register: Register) -> None:
    """Register subclasses of :class:`nst_core.Extractor`."""


@hookspec
def nst_register_losses(register: Register) -> None:
    """Register subclasses of one of the four kinds of loss."""


@hookspec
def nst_register_initializers(register: Register) -> None:
    """Register subclasses of :class:`nst_core.Initializer`."""


@hookspec
def nst_register_optimizers(register: Register) -> None:
    """Register subclasses of :class:`nst_core.Optimizer`."""


@hookspec
def nst_register_parametrizations(register: Register) -> None:
    """Register subclasses of :class:`nst_core.Parametrization`."""


@hookspec
def nst_register_transforms(register: Register) -> None:
    """Register subclasses of :class:`nst_core.ImageTransform`."""


@hookspec
def nst_register_executors(register: Register) -> None:
    """Register subclasses of :class:`nst_core.Executor`."""


@hookspec
def nst_register_presets(register: Register) -> None:
    """Register subclasses of :class:`nst_core.Preset`."""


@hookspec
def nst_register_commands(app: Any) -> None:
    """Add commands to ``nst``: ``app`` is a :class:`typer.Typer`, empty and of this plugin alone.

    Called where no command of ``nst`` has the name that was given, and for ``nst --help``.
    """
