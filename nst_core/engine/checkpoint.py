"""A run on disk, so that a crash costs no more than the time since it was written. Reading one never runs code.

A checkpoint is a safetensors file: tensors, and in its metadata a JSON text with everything else and the digest of the
tensors. The one before is kept beside it until the next is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from nst_core.engine.destination import Destination
from nst_core.engine.pinning import weights_by_content
from nst_core.engine.result import LevelResult, versions
from nst_core.engine.tensor_file import PIECE, bytes_of, load_file, save_file
from nst_core.errors import CheckpointError, JobError
from nst_core.files import Lock, atomic_write, check_writable, companion
from nst_core.job.schema import Job
from nst_core.job.serialization import flattened, from_plain, to_plain

__all__ = ["Checkpoint", "Saved"]

FORMAT = 5
_DECIDING = ("nst", "torch")


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds.

    Attributes:
        job: of the whole run, with everything pinned.
        levels: the resolution levels that are done.
        history: losses of their evaluations.
        state: what the rest of the run depends on: its terms' weights, its tiles, and the current level.
        destination: where the result was to go.
        versions: of what made it.
        threads: that it was made with.
    """

    job: Job
    levels: list[LevelResult]
    history: list[float]
    state: dict[str, Any] = field(repr=False)
    destination: Destination
    versions: Mapping[str, str]
    threads: int

    def differences(self, job: Job) -> list[str]:
        """Say what is different in another job, one line for each field; weights count by their content."""
        mine, other = (flattened(weights_by_content(j).to_dict()) for j in (self.job, job))
        return [
            f"{key} was {mine.get(key, 'not set')} and is {other.get(key, 'not set')}"
            for key in sorted(mine.keys() | other.keys())
            if mine.get(key) != other.get(key)
        ]


class Checkpoint:
    """The file that a run is kept in.

    Attributes:
        path: the file.
        destination: where the result is to go, for a later ``nst resume``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every: float = 30.0,
        destination: Destination | None = None,
        disposable: bool = False,
        patience: float = 0.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Name the file; nothing is read or written yet.

        Args:
            path: where to.
            every: seconds between two of them, at least.
            destination: where the result is to go, if somebody knows.
            disposable: whether one that cannot be used is no error, but ignored.
            patience: seconds to wait for another run that has the file and is about to end.
            say: told what the user should know.

        Raises:
            CheckpointError: ``path`` cannot be written.
        """
        self.path = Path(path)
        self.destination = destination or Destination()
        self._every = every
        self._disposable = disposable
        self._patience = patience
        self._say = say
        self._written = time.monotonic()
        self._lock = Lock(companion(self.path, "lock"))
        if not disposable:
            check_writable(self.path, CheckpointError)

    @property
    def previous(self) -> Path:
        """The checkpoint before the last one, a hidden file with a short name of its own beside it."""
        return companion(self.path, "previous")

    @property
    def partial(self) -> Path:
        """The one that is being written; a process that was killed meanwhile leaves it."""
        return companion(self.path, "partial")

    @property
    def exists(self) -> bool:
        """Whether there is a file to continue from."""
        return self.path.exists() or self.previous.exists()

    @property
    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self._written >= self._every

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep every other run from the file for the length of a block; blocks may be nested.

        Raises:
            CheckpointError: another run has it.
        """
        busy = f"another nst is writing the checkpoint '{self.path}'; wait for it to end, or choose another file"
        with self._lock.held(CheckpointError(busy), patience=self._patience):
            yield

    def write(
        self, job: Job, levels: Sequence[LevelResult], history: Sequence[float], state: Mapping[str, Any]
    ) -> None:
        """Replace the file; whatever happens, there is a complete one at any moment.

        Args:
            job: prepared.
            levels: the resolution levels that are done.
            history: losses of their evaluations.
            state: what the rest of the run depends on; tensors, numbers and texts, nested.

        Raises:
            CheckpointError: it cannot be written; the old one is as it was.
        """
        tensors: dict[str, Tensor] = {}
        plain = _flattened(state, tensors)
        document = {
            "format": FORMAT,
            "versions": versions(),
            "threads": torch.get_num_threads(),
            "destination": to_plain(self.destination),
            "job": job.to_dict(),
            "levels": [to_plain(level) for level in levels],
            "history": list(history),
            "state": plain,
            "sha256": _digest(tensors),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path, temporary=self.partial) as temporary:
                save_file(tensors, temporary, {"nst": json.dumps(document)})
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                if self.path.exists():
                    self.path.replace(self.previous)
        except (OSError, SafetensorError) as error:
            kept = "the one before is kept" if self.exists else "there is none before it to continue from"
            raise CheckpointError(f"the checkpoint '{self.path}' cannot be written: {error}; {kept}") from error
        finally:
            self._written = time.monotonic()  # also where it failed: the next attempt is due as late as any

    def read(self) -> Saved | None:
        """Return what the last good file holds, ``None`` where there is none.

        Raises:
            CheckpointError: it was made by another version, or neither the file nor the one before can be read.
        """
        problems = []
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                saved = _read(path)
            except CheckpointError as error:
                problems.append(str(error))
                continue
            if path == self.previous:
                problem = problems[0] if problems else f"the checkpoint '{self.path}' is missing"
                self._say(f"{problem}; continuing from the previous one, '{path}'")
            return self._usable(saved, path)
        if problems and not self._disposable:
            raise CheckpointError(f"{'; '.join(problems)}. Delete it to start over")
        return None

    def _usable(self, saved: Saved, path: Path) -> Saved | None:
        now = versions()
        changed = [
            f"{n} was {saved.versions.get(n)} and is {now[n]}" for n in _DECIDING if saved.versions.get(n) != now[n]
        ]
        if changed and self._disposable:
            return None
        if changed:
            raise CheckpointError(
                f"the checkpoint '{path}' was made by another version: {'; '.join(changed)}. "
                "Install that version to continue, or delete the file to start over"
            )
        if saved.threads != torch.get_num_threads():
            self._say(
                f"the checkpoint was made with {saved.threads} threads and there are {torch.get_num_threads()} now: "
                "the pixels may differ in the last digits"
            )
        return saved

    def belongs_to(self, job: Job, saved: Saved) -> bool:
        """Say whether what was saved is of this prepared job.

        Raises:
            CheckpointError: it is not, and it is not disposable; says what is different.
        """
        changed = saved.differences(job)
        if changed and not self._disposable:
            raise CheckpointError(
                f"the checkpoint '{self.path}' belongs to another job: {'; '.join(changed)}. Continue that job "
                f"with 'nst resume {self.path}', or choose another file"
            )
        return not changed

    def finished(self) -> None:
        """Remove the files of a run whose result is saved."""
        for path in (self.path, self.previous, self.partial):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _read(path: Path) -> Saved:
    try:
        tensors, metadata = load_file(path)
        document = json.loads(metadata["nst"])
        if document["format"] != FORMAT:
            raise CheckpointError(f"the checkpoint '{path}' has the format {document['format']}, not {FORMAT}")
        if _digest(tensors) != document["sha256"]:
            raise CheckpointError(f"the checkpoint '{path}' is damaged: its tensors do not match their digest")
        return Saved(
            job=Job.from_dict(document["job"]),
            levels=[from_plain(LevelResult, level) for level in document["levels"]],
            history=document["history"],
            state=_restored(document["state"], tensors),
            destination=from_plain(Destination, document["destination"]),
            versions=document["versions"],
            threads=document["threads"],
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, JobError) as error:
        raise CheckpointError(f"'{path}' is not a valid checkpoint: {error}") from error


def _digest(tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        data = bytes_of(tensors[name])
        for first in range(0, len(data), PIECE):
            found.update(data[first : first + PIECE])
    return found.hexdigest()


def _flattened(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Turn nested data into JSON; tensors go into ``tensors``, by number."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A name of its own for each: a file cannot hold one tensor twice, nor a part of another.
        tensors[name] = value.detach().cpu().contiguous()
        if any(t.data_ptr() == tensors[name].data_ptr() for n, t in tensors.items() if n != name):
            tensors[name] = tensors[name].clone()
        return {"tensor": name}
    if isinstance(value, Mapping):  # keys may be numbers
        return {"mapping": [[key, _flattened(v, tensors)] for key, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_flattened(v, tensors) for v in value]}
    if isinstance(value, list):
        return [_flattened(v, tensors) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointError(
        f"a checkpoint cannot hold a {type(value).__name__}; an optimizer's state may have tensors, "
        "numbers, strings, lists, tuples and dicts"
    )


def _restored(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_restored(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "mapping":
        return {key: _restored(v, tensors) for key, v in inner}
    return tuple(_restored(v, tensors) for v in inner)
