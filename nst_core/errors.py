"""Every error a user can meet.

All derive from :class:`NstError`. The command prints the message and exits with code 2, so a message says what is
wrong, and then what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BrokenContractError",
    "CancelledError",
    "CheckpointError",
    "DeviceError",
    "ExecutorError",
    "ExportError",
    "ImageError",
    "JobError",
    "NonFiniteError",
    "NstError",
    "PluginError",
    "ScratchError",
    "UnknownNameError",
    "WeightsError",
    "is_out_of_memory",
    "unknown_name",
]


# Characters of an unknown name that are shown, and compared with those that exist.
LONGEST_NAME = 100


class NstError(Exception):
    """Base of all errors that this framework raises on purpose."""


class ImageError(NstError):
    """An image cannot be read, is not usable, or cannot be written."""


class WeightsError(NstError):
    """A weight set is missing, damaged, of another architecture, or cannot be fetched."""


class JobError(NstError):
    """A job or recipe has an invalid key, type, value or combination."""


class PluginError(NstError):
    """A plugin or one of its components violates its interface."""


class BrokenContractError(PluginError):
    """A component returned something that its interface does not allow.

    Attributes:
        kind: "loss", "extractor", "initializer" or "optimizer".
        name: the registered one.
        problem: what was wrong, as the rest of a sentence that begins with the component.
    """

    def __init__(self, kind: str, name: str, problem: str) -> None:
        super().__init__(f"{kind} '{name}' {problem}")
        self.kind = kind
        self.name = name
        self.problem = problem

    def __reduce__(self) -> tuple[type[BrokenContractError], tuple[str, str, str]]:
        return type(self), (self.kind, self.name, self.problem)  # by default the whole message would be the kind


class CheckpointError(NstError):
    """A checkpoint is damaged, belongs to another job or version, or cannot be written."""


class CancelledError(NstError):
    """A run was cancelled before its first evaluation, so there is no image."""


class DeviceError(NstError):
    """The device or precision asked for does not exist on this machine."""


class ExecutorError(NstError):
    """Jobs cannot be carried out where they should be: no worker starts, or one has other versions."""


class ExportError(NstError):
    """An extractor cannot be exported, or the exported file is wrong."""


class ScratchError(NstError):
    """The folder for large tensors has no room for one."""


class NonFiniteError(NstError):
    """The objective is NaN or infinite even after restarts with shorter steps."""


class UnknownNameError(JobError):
    """A name is not among those that exist."""


# What torch, the C and C++ libraries, the loader of libraries and Python say.
_OUT_OF_MEMORY = (
    *("out of memory", "can't allocate memory", "annot allocate memory", "bad_alloc"),
    *("failed to map segment from shared object", "can't start new thread"),
)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, on whatever device, or in whatever part of this process or its libraries."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY)


def unknown_name(kind: str, name: str, choices: Iterable[str], hint: str = "") -> UnknownNameError:
    """Make the error for a name that does not exist: nearest matches first, then all that are allowed.

    Args:
        kind: what is named, in the singular ("layer", "optimizer").
        name: what was given.
        choices: what exists.
        hint: a closing sentence, for example the command that lists the choices.
    """
    known = sorted(choices)
    name = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    message = f"unknown {kind} '{name}'"
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        message += "; did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
    else:
        message += "."
    if known and len(known) <= 40:
        message += f" There are: {', '.join(known)}."
    elif not known:
        message += " There are none."
    return UnknownNameError(f"{message} {hint}".strip())
