"""The folder with the frames of a clip until it is complete. Whatever ends the process, no finished one is lost.

``clip.json`` says what is being made, ``frames.jsonl`` has a line for each finished frame, and ``frame-000001.png`` is
the first one. A frame counts once its line is there, which is written last.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from nst_core.engine.result import versions
from nst_core.errors import CheckpointError, ImageError, NstError
from nst_core.files import Lock, atomic_write, check_writable, fitting
from nst_core.images.read import decode
from nst_core.images.write import save_image
from nst_core.video.extras import opencv, pyav
from nst_core.video.flow import Frame
from nst_core.video.order import ClipOrder
from nst_core.video.painting import REMEMBERED, Painted, as_tensor

__all__ = ["FrameRecord", "FrameStore"]

_ORDER, _LOG = "clip.json", "frames.jsonl"
_DECIDING = ("nst", "torch", "opencv", "av")


@dataclass(frozen=True)
class FrameRecord:
    """What is known of a painted frame.

    Attributes:
        number: of the frame, from 1.
        time: seconds since the first frame.
        kind: see :class:`nst_core.video.painting.Painted`.
        evaluations: made for it.
        seconds: of the evaluations and optimizer steps.
        total: its total loss, ``None`` where none was computed.
        colors: of a frame that begins a scene, see :class:`nst_core.video.painting.Painted`.
        moment: seconds since the beginning of the clip.
    """

    number: int
    time: Fraction
    kind: str
    evaluations: int
    seconds: float
    total: float | None
    colors: tuple[float, ...] = ()
    moment: Fraction = Fraction(0)


class FrameStore:
    """Frames of a clip in a folder.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock(folder / ".lock")

    @classmethod
    def of(cls, order: ClipOrder) -> FrameStore:
        """Return the store of an order: its output folder, or a folder beside its output file."""
        output = Path(order.output)
        return cls(output if order.is_folder else fitting(output.parent, output.stem, ".frames"))

    @property
    def exists(self) -> bool:
        """Whether a clip was begun here."""
        return (self.folder / _ORDER).is_file()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep every other process from the folder for the length of a block.

        Raises:
            CheckpointError: another one has it.
        """
        busy = f"another nst is painting the clip in '{self.folder}'; wait for it to end, or choose another output"
        with self._lock.held(CheckpointError(busy)):
            yield

    def check(self) -> None:
        """Check that frames could be written, before any work.

        Raises:
            ImageError: the folder cannot be made or written to, or has other things in it.
        """
        if not self.folder.exists():
            check_writable(self.folder, ImageError)
            return
        if not self.folder.is_dir():
            raise ImageError(f"'{self.folder}' is a file, and the frames need a folder of that name; move it away")
        check_writable(self.folder / _ORDER, ImageError)
        if not self.exists and any(not path.name.startswith(".") for path in self.folder.iterdir()):
            raise ImageError(f"the folder '{self.folder}' has other files in it; choose a new one for the frames")

    def make(self) -> None:
        """Make the folder, if it is not there.

        Raises:
            ImageError: it cannot be made.
        """
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ImageError(f"the folder '{self.folder}' cannot be made: {error}") from error

    def order(self) -> ClipOrder:
        """Return what is being made here.

        Raises:
            CheckpointError: nothing is, or by another version.
        """
        return self.begun()[0]

    def begun(self) -> tuple[ClipOrder, Path]:
        """Return what is being made here, and the folder that its paths start from.

        Raises:
            CheckpointError: nothing is, or by another version.
        """
        path = self.folder / _ORDER
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found, made = ClipOrder.from_json(json.dumps(document["order"])), document["versions"]
            place = Path(document["place"])
        except FileNotFoundError:
            raise CheckpointError(
                f"'{self.folder}' holds no clip that was begun; begin one with 'nst video CLIP STYLE'"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, NstError) as error:
            raise CheckpointError(f"'{path}' cannot be read: {error}; remove the folder to start over") from error
        now = _versions()
        changed = [f"{n} was {made.get(n)} and is {now[n]}" for n in _DECIDING if made.get(n) != now[n]]
        if changed:
            raise CheckpointError(
                f"the clip in '{self.folder}' was begun by another version: {'; '.join(changed)}. Install that version "
                "to continue, or remove the folder to start over"
            )
        return found, place

    def begin(self, order: ClipOrder) -> None:
        """Note what is made here, unless it is the same that was begun.

        Raises:
            CheckpointError: something else was begun here; says what is different.
        """
        if self.exists:
            changed = self.order().differences(order)
            if changed:
                raise CheckpointError(
                    f"'{self.folder}' has frames of another clip, or made with other options: {'; '.join(changed)}. "
                    f"Continue that one with 'nst resume {self.folder}', remove the folder, or choose another output"
                )
        document = {"order": json.loads(order.to_json()), "place": str(Path.cwd()), "versions": _versions()}
        text = json.dumps(document, indent=1)
        self.make()
        try:
            with atomic_write(self.folder / _ORDER) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ImageError(f"'{self.folder}' cannot be written: {error}") from error

    def records(self) -> list[FrameRecord]:
        """Return what is known of the finished frames, in order."""
        try:
            lines = (self.folder / _LOG).read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CheckpointError(f"'{self.folder / _LOG}' cannot be read: {error}") from error
        found: list[FrameRecord] = []
        for line in lines[:-1]:  # what follows the last line's end was being written when the process died
            try:
                plain = json.loads(line)
                times = {name: Fraction(plain[name]) for name in ("time", "moment")}
                record = FrameRecord(**{**plain, **times, "colors": tuple(plain["colors"])})
            except (ValueError, TypeError, KeyError):
                break
            if record.number != len(found) + 1 or not _has_content(self.path(record.number)):
                break
            found.append(record)
        return found

    def resumed(self) -> list[FrameRecord]:
        """Return what is known of the finished frames, and forget what is there of others.

        Raises:
            ImageError: the folder cannot be written to.
        """
        found = self.records()
        try:
            with atomic_write(self.folder / _LOG) as temporary:
                temporary.write_text("".join(map(_line, found)), encoding="utf-8")
        except OSError as error:
            raise ImageError(f"'{self.folder / _LOG}' cannot be written: {error}") from error
        return found

    def path(self, number: int) -> Path:
        """Return the path of a frame, by its number from 1."""
        return self.folder / f"frame-{number:06}.png"

    def _unfinished(self, number: int) -> Path:
        return self.folder / f".frame-{number:06}.unfinished.png"

    def save(self, record: FrameRecord, painted: Painted) -> None:
        """Save the frame that follows the finished ones.

        Args:
            record: what is known of it.
            painted: the frame.

        Raises:
            ImageError: it cannot be written.
        """
        save_image(as_tensor(painted.frame), self.path(record.number))
        if not np.array_equal(painted.unfinished, painted.frame):
            save_image(as_tensor(painted.unfinished), self._unfinished(record.number))
        try:
            _written_through(self.path(record.number))  # before the line that says so
            with (self.folder / _LOG).open("a", encoding="utf-8") as log:
                log.write(_line(record))
                log.flush()
                os.fsync(log.fileno())
            self._unfinished(record.number - REMEMBERED).unlink(missing_ok=True)
        except OSError as error:
            raise ImageError(f"'{self.folder / _LOG}' cannot be written: {error}") from error

    def load(self, record: FrameRecord) -> Painted:
        """Return a saved frame.

        Raises:
            ImageError: it cannot be read.
        """
        frame, unfinished = self.path(record.number), self._unfinished(record.number)
        first = self.pixels(frame)
        second = self.pixels(unfinished) if unfinished.is_file() else first
        return Painted(first, second, record.kind)  # type: ignore[arg-type]

    def pixels(self, path: Path) -> Frame:
        """Return the pixels of a picture."""
        found: Frame = np.asarray(decode(path, "painted frame").image)
        return found

    def tidy(self) -> None:
        """Remove what is not needed once all frames are there."""
        for pattern in (".frame-*.unfinished.png", ".mask-*.png"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder, once it is not needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _versions() -> dict[str, str]:
    """Return the versions of what decides the frames and their encoding."""
    return {**versions(), "opencv": str(opencv().__version__), "av": str(pyav().__version__)}


def _line(record: FrameRecord) -> str:
    """Return the line of a frame in the log."""
    return json.dumps({**asdict(record), "time": str(record.time), "moment": str(record.moment)}) + "\n"


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _written_through(path: Path) -> None:
    """Have the system write a file to the disk now."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
