"""The two file formats: how a network gets in and out of each."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from nst_core.errors import ExportError, unknown_name
from nst_core.export import torchscript
from nst_core.export.metadata import METADATA_NAME

__all__ = ["FORMATS", "Format", "Network", "format_for"]

Network = Callable[[Tensor], list[Tensor]]


class Format(ABC):
    """A kind of file.

    Attributes:
        name: on the command line.
        suffixes: of its files; the first is the usual one.
        gradients: whether a loaded network is differentiable with respect to the image.
        memory_format: of the weights in the file.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    gradients: ClassVar[bool]
    memory_format: ClassVar[torch.memory_format]

    def smallest(self, stride: int) -> int:
        """Return the least side of an image whose deepest layer has this stride."""
        return stride

    @abstractmethod
    def write(self, network: nn.Module, stride: int, metadata: str, path: Path) -> None:
        """Compile the network and write it with its metadata.

        Raises:
            ExportError: it cannot be compiled; says which construct, and where.
            OSError: the file cannot be written.
        """

    @abstractmethod
    def read(self, path: Path) -> tuple[Network, str]:
        """Return the network and the metadata of a file that :meth:`write` made."""


class TorchScript(Format):
    """A compiled module for libtorch, with image gradients."""

    name = "torchscript"
    suffixes = (".ts", ".pt", ".torchscript")
    gradients = True
    memory_format = torch.channels_last  # the layout that convolutions are fastest in

    def write(self, network: nn.Module, stride: int, metadata: str, path: Path) -> None:  # noqa: ARG002
        """Script the network and save it."""
        try:
            compiled = torchscript.script(network)
        except Exception as error:  # whatever the source of a third party makes the compiler do
            raise ExportError(
                f"{type(network).__name__} cannot be compiled to TorchScript: {_from_message(str(error))}"
            ) from error
        torchscript.save(compiled, path, {METADATA_NAME: metadata})

    def read(self, path: Path) -> tuple[Network, str]:
        """Load the module."""
        module, extra = torchscript.load(path, (METADATA_NAME,))
        return module, extra[METADATA_NAME]


class ExportedProgram(Format):
    """A graph of ``torch.export``, for inference."""

    name = "pt2"
    suffixes = (".pt2",)
    gradients = False
    memory_format = torch.contiguous_format  # torch.export.save warns of any other

    def smallest(self, stride: int) -> int:
        """Return twice the stride: a graph of any size excludes maps of a single position."""
        return 2 * stride

    def write(self, network: nn.Module, stride: int, metadata: str, path: Path) -> None:
        """Export the network with dynamic batch, height and width."""
        example = torch.zeros(2, 3, 4 * stride + 3, 5 * stride + 3)
        dynamic = torch.export.Dim.DYNAMIC
        try:
            program = torch.export.export(network, (example,), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},))
        except Exception as error:  # see above
            raise ExportError(
                f"{type(network).__name__} cannot be exported by torch.export: {_from_traceback(error)}"
            ) from error
        torch.export.save(program, path, extra_files={METADATA_NAME: metadata})

    def read(self, path: Path) -> tuple[Network, str]:
        """Load the program."""
        extra = {METADATA_NAME: ""}
        program = torch.export.load(path, extra_files=extra)
        return program.module(), extra[METADATA_NAME]


FORMATS: tuple[Format, ...] = (TorchScript(), ExportedProgram())


def format_for(path: Path, name: str | None) -> Format:
    """Choose the format by its name, or by the suffix of the file.

    Raises:
        UnknownNameError: there is no format of this name.
        ExportError: the suffix says nothing, or something else than the name.
    """
    if name is not None and name not in {f.name for f in FORMATS}:
        raise unknown_name("format", name, (f.name for f in FORMATS))
    suffix = path.suffix.lower()
    by_suffix = next((f for f in FORMATS if suffix in f.suffixes), None)
    if by_suffix is None:
        allowed = "; ".join(f"{', '.join(f.suffixes)} for {f.name}" for f in FORMATS if name in (None, f.name))
        raise ExportError(f"cannot tell the format of '{path}' from its suffix; use {allowed}")
    if name not in (None, by_suffix.name):
        raise ExportError(f"'{path}' has the suffix of {by_suffix.name}, but the format asked for is {name}")
    return by_suffix


def _from_message(message: str) -> str:
    """Take construct and place out of what the compiler says: its first line, and the line of source it marks."""
    lines = [line.rstrip() for line in message.splitlines() if line.strip()]
    what = lines[0] if lines else "for no reason it gives"
    place = next((line.strip() for line in lines if line.lstrip().startswith('File "')), "")
    marked = next((lines[i - 1].strip() for i, line in enumerate(lines) if i and "~~~" in line), "")
    marked = "" if marked.startswith('File "') else marked
    return what + (f"\n  {place}" if place else "") + (f"\n    {marked}" if marked else "")


def _from_traceback(error: Exception) -> str:
    """Take construct and place out of a traceback: the deepest line that is neither torch's nor ours."""
    ours = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours)]
    what = str(error).partition("\n")[0] or type(error).__name__
    return (
        f'{what}\n  File "{frames[-1].filename}", line {frames[-1].lineno}\n    {frames[-1].line}' if frames else what
    )
