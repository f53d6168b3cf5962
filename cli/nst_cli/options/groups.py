"""The groups of options that commands share, beside those of the job itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nst_cli import console
from nst_cli.options.expansion import JobOptions, OptionGroup
from nst_core.engine.destination import Metadata
from nst_core.errors import JobError
from nst_core.options.table import Option
from nst_core.planning.resources import Resources

if TYPE_CHECKING:
    from nst_core import Checkpoint, Destination, Executor, Registry

__all__ = [
    "SAMPLES",
    "CheckpointEvery",
    "CheckpointOptions",
    "ContentJobOptions",
    "FolderOptions",
    "NetworkOptions",
    "OutputOptions",
    "RecipeOptions",
    "ReportOptions",
    "ResourceOptions",
    "StyleJobOptions",
    "ThreadOptions",
    "WorkOptions",
    "parse_duration",
]

SAMPLES = ("sample:landscape", "sample:brushwork")
"""Photograph and painting where none are given."""

RECIPE, OUTPUT, RESOURCES = "Recipes", "Output", "Memory and safety"
CheckpointEvery = Annotated[
    str, typer.Option(metavar="30s|5m", help="Interval between checkpoints.", rich_help_panel=RESOURCES)
]
FRAMES_EVERY = 5
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


class ContentJobOptions(JobOptions):
    """Options of jobs that have a content image alone."""

    sources = ("content",)


class StyleJobOptions(JobOptions):
    """Options of jobs that have style images alone."""

    sources = ("style",)


class NetworkOptions(JobOptions):
    """Options that say with which network to measure, and where."""

    @classmethod
    def rows(cls) -> list[Option]:
        """Return extractor, weights and device."""
        return [option for option in super().rows() if option.name in ("extractor", "weights", "device")]


@dataclass
class ReportOptions(OptionGroup):
    """What is printed."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object about the result.", rich_help_panel=OUTPUT)
    ] = False
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print nothing but the path of the result.", rich_help_panel=OUTPUT)
    ] = False

    def say(self, text: str) -> None:
        """Tell the user something that is not a result, unless ``--quiet`` is given."""
        if not self.quiet:
            console.say(text)


@dataclass
class OutputOptions(OptionGroup):
    """Where a picture goes, and what is kept of the way to it."""

    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write: .png, .jpg, .webp or .tif.",
            show_default="named after the images, numbered if it exists",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    bits: Annotated[int, typer.Option(help="Bits per channel: 8, or 16 for PNG and TIFF.", rich_help_panel=OUTPUT)] = 8
    metadata: Annotated[
        Metadata,
        typer.Option(
            help="Recipe in the picture: with the names of files alone, with their full paths, or none.",
            rich_help_panel=OUTPUT,
        ),
    ] = "names"
    frames: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Save the best image so far every few steps, as the frames of a timelapse.",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    frames_every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Steps from one frame to the next.",
            show_default=f"{FRAMES_EVERY}",
            rich_help_panel=OUTPUT,
        ),
    ] = None

    @property
    def frame_interval(self) -> int:
        """Steps from one frame to the next.

        Raises:
            JobError: it is not positive, or there are to be no frames.
        """
        if self.frames_every is not None and self.frames is None:
            raise JobError("--frames-every needs --frames FOLDER, where the frames go")
        every = FRAMES_EVERY if self.frames_every is None else self.frames_every
        if every < 1:
            raise JobError(f"--frames-every must be at least 1, not {every}")
        return every


@dataclass
class FolderOptions(OptionGroup):
    """Where the pictures and the report of many jobs go."""

    folder: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder for pictures and report; finished pictures in it are kept.",
            show_default="nst-COMMAND",
            rich_help_panel=OUTPUT,
        ),
    ] = None


@dataclass
class RecipeOptions(OptionGroup):
    """The recipe that a job starts from."""

    recipe: Annotated[
        Path | None,
        typer.Option(help="Recipe (TOML or JSON) to start from; other options change it.", rich_help_panel=RECIPE),
    ] = None


@dataclass
class ThreadOptions(OptionGroup):
    """With how many threads to compute."""

    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of threads; another number rounds differently.",
            show_default="one per core that may be used",
            rich_help_panel=RESOURCES,
        ),
    ] = None

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Compute with this number of threads inside the block.

        Raises:
            JobError: it is invalid.
        """
        from nst_core.runtime.threads import processor_threads

        with processor_threads(Resources(threads=self.threads).threads):
            yield


@dataclass
class WorkOptions(ThreadOptions):
    """Where many jobs are computed, and how many at a time."""

    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of threads, of all workers together; another number rounds differently.",
            show_default="one per core that may be used",
            rich_help_panel=RESOURCES,
        ),
    ] = None
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:PARAM=VALUE,…]",
            help="Where jobs are computed: 'local' one after the other, 'processes' of this machine, or 'ray'.",
            show_default="local, or processes with --workers",
            rich_help_panel=RESOURCES,
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of jobs that are computed at a time.",
            show_default="the executor's choice",
            rich_help_panel=RESOURCES,
        ),
    ] = None

    @contextmanager
    def opened(self, registry: Registry) -> Iterator[Executor]:
        """Have the executor for the length of a block.

        Raises:
            NstError: there is none of this name, or a parameter is invalid.
        """
        found = self._chosen(registry)
        try:
            yield found
        finally:
            found.close()

    def _chosen(self, registry: Registry) -> Executor:
        """Make the executor.

        Raises:
            NstError: there is none of this name, or a parameter is invalid.
        """
        from nst_core import Component
        from nst_core.components.parameters import parse_spec

        if self.workers is not None and self.workers < 1:
            raise JobError(f"--workers must be at least 1, not {self.workers}")
        several = self.workers is not None and self.workers > 1
        text = self.executor or ("processes" if several else "local")
        component = registry.checked("executor", parse_spec(text))
        known = {parameter.name for parameter in registry.get("executor", component.name).parameters}
        if self.workers is not None and "workers" in component.params:
            raise JobError(f"the workers are given twice: as --workers {self.workers} and in --executor {text}")
        if self.workers is not None and "workers" in known:
            component = Component(component.name, {**component.params, "workers": self.workers})
        elif several:
            raise JobError(
                f"the executor '{component.name}' has one worker; for --workers {self.workers}, use another one, such "
                "as 'processes'"
            )
        found: Executor = registry.create("executor", component)
        return found


@dataclass
class ResourceOptions(ThreadOptions):
    """What a run may use."""

    tile: Annotated[
        str,
        typer.Option(
            metavar="auto|off|PIXELS",
            help="Compute in tiles, with the same result: if memory is short, never, or with this side.",
            rich_help_panel=RESOURCES,
        ),
    ] = "auto"
    memory_limit: Annotated[
        str | None,
        typer.Option(
            metavar="4GB",
            help="Memory that may be used.",
            show_default="most of what is available",
            rich_help_panel=RESOURCES,
        ),
    ] = None
    scratch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for files that hold picture and optimizer's memory in place of memory, with the same result.",
            show_default="memory alone",
            resolve_path=True,
            rich_help_panel=RESOURCES,
        ),
    ] = None

    def resources(self) -> Resources:
        """Return them as the API takes them.

        Raises:
            JobError: one of them is invalid.
        """
        from nst_core.runtime.memory import parse_memory

        tile: str | int = self.tile
        if tile not in ("auto", "off"):
            if not self.tile.isdecimal() or int(self.tile) < 1:
                raise JobError(f"--tile must be auto, off, or the side of a tile in pixels, not '{self.tile}'")
            tile = int(self.tile)
        limit = None if self.memory_limit is None else parse_memory(self.memory_limit)
        return Resources(tile, limit, self.threads, self.scratch)  # type: ignore[arg-type]


@dataclass
class CheckpointOptions(OptionGroup):
    """Where a run is saved, so that it can be continued."""

    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save the run in this file; the same command, or nst resume FILE, continues it.",
            rich_help_panel=RESOURCES,
        ),
    ] = None
    checkpoint_every: CheckpointEvery = "30s"

    def open(self, destination: Destination, say: Callable[[str], None]) -> Checkpoint | None:
        """Return the checkpoint, ``None`` where there is to be none.

        Raises:
            CheckpointError: the file cannot be written.
            JobError: the interval is invalid.
        """
        from nst_core import Checkpoint

        every = parse_duration(self.checkpoint_every)
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint, every=every, destination=destination, say=say)


def parse_duration(text: str) -> float:
    """Read ``30s``, ``5m``, ``1h`` or a number of seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None:
        raise JobError(f"invalid duration '{text}': write 30s, 5m or 1h")
    return float(match[1]) * SECONDS[match[2]]
