"""Whose fault it was: errors that come out of a third party's code say which plugin and package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nst_core.components.registry import Entry, Registry
from nst_core.errors import BrokenContractError, NstError, PluginError, is_out_of_memory
from nst_core.plugins.entry_points import BUILTIN

__all__ = ["naming_plugins"]


@contextmanager
def naming_plugins(registry: Registry) -> Iterator[None]:
    """Turn what a plugin raises inside the block into a :class:`PluginError` that names it.

    The plugin is the one whose code is nearest to where the error was raised; an error that no third party's code
    is part of stays as it is, and so do the framework's own errors, which plugins raise on purpose.
    """
    try:
        yield
    except BrokenContractError as error:
        entry = registry.get(error.kind, error.name)
        raise PluginError(f"{entry} {error.problem}") from error
    except NstError:
        raise
    except Exception as error:
        culprit = None if is_out_of_memory(error) else _culprit(error, registry)
        if culprit is None:
            raise
        raise PluginError(f"{culprit} failed: {type(error).__name__}: {error}") from error


def _culprit(error: Exception, registry: Registry) -> str | None:
    entries = [entry for entry in registry.entries() if entry.origin.plugin != BUILTIN]
    frames: list[FrameType] = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    for frame in reversed(frames):
        module = str(frame.f_globals.get("__name__", ""))
        near = [entry for entry in entries if _package(entry.cls.__module__) == _package(module)]
        if near:
            return _described(near, frame)
    return None


def _package(module: str) -> str:
    return module.partition(".")[0]


def _described(near: list[Entry], frame: FrameType) -> str:
    """Name the component if the frame is a method of one or it is the only one, else its plugin."""
    own = [entry for entry in near if isinstance(frame.f_locals.get("self"), entry.cls)]
    fitting = own or near
    return str(fitting[0]) if len(fitting) == 1 else str(fitting[0].origin)
