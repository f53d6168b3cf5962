"""Memory and time of one evaluation and one optimizer step of a large picture in scratch files.

python -m nst_benchmarks.scratch CONTENT STYLE FOLDER MEGAPIXELS… [--memory-limit 6GB] [--optimizer lbfgs]

The content image is enlarged, and painted at one level with the style image at its own size, by a process of its own
with FOLDER for its scratch files. Five times a second its memory is looked at: what is its own (RssAnon), and all that
is resident (VmRSS), files included. The run is cancelled after its first step, and the picture is saved.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from nst_core import Resources, Session, make_job
from nst_core.runtime.memory import parse_memory

__all__ = ["main"]

INTERVAL = 0.2


def main() -> None:
    """Measure every size."""
    Image.MAX_IMAGE_PIXELS = None  # it warns of large pictures
    parser = argparse.ArgumentParser(prog="nst_benchmarks.scratch")
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("megapixels", type=float, nargs="+")
    parser.add_argument("--memory-limit", default="6GB")
    parser.add_argument("--optimizer", default="lbfgs")
    parser.add_argument("--extractor", default="vgg19")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        painted(arguments)
        return
    more = ["--memory-limit", arguments.memory_limit, "--optimizer", arguments.optimizer]
    more += ["--extractor", arguments.extractor]
    more += ["--threads", str(arguments.threads)] if arguments.threads else []
    for megapixels in arguments.megapixels:
        with tempfile.TemporaryDirectory() as folder:
            photo = enlarged(arguments.content, megapixels, Path(folder))
            files = [str(photo), str(arguments.style), str(arguments.folder), str(megapixels)]
            measured([*files, *more, "--here"])


def enlarged(content: Path, megapixels: float, folder: Path) -> Path:
    """Write an image with so many megapixels, and return its path."""
    with Image.open(content) as image:
        factor = math.sqrt(megapixels * 1e6 / (image.width * image.height))
        size = round(image.width * factor), round(image.height * factor)
        image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(folder / "photo.jpg", quality=92)
    return folder / "photo.jpg"


def painted(arguments: argparse.Namespace) -> None:
    """Make one evaluation and one step, and save the picture."""
    session = Session()
    with Image.open(arguments.content) as image, Image.open(arguments.style) as style:
        size, own = max(image.size), max(style.size)
    job = make_job(
        str(arguments.content),
        str(arguments.style),
        session=session,
        size=size,
        levels="off",
        steps=2,
        style_scale=min(1.0, own / size),
        extractor=arguments.extractor,
        optimizer=arguments.optimizer,
        device="cpu",
    )
    limit = parse_memory(arguments.memory_limit)
    resources = Resources(memory_limit=limit, threads=arguments.threads, scratch=arguments.folder)
    with _said("plan and images"):
        run = session.run(job, resources=resources)
    with _said("targets and evaluation"):
        step = next(run)
    _say("of which evaluation", f"{step.seconds:.0f} s")
    run.cancel()
    with _said("optimizer step"):  # which it makes before it ends
        for _ in run:
            pass
    with _said("saving"):
        result = run.result()
        result.save(arguments.content.with_name("out.png"))
    _say("files", f"{result.scratch / 1e9:.1f} GB")
    for remark in result.remarks:
        _say("note", remark)


@contextmanager
def _said(phase: str) -> Iterator[None]:
    """Say how long a block took."""
    began = time.monotonic()
    yield
    _say(phase, f"{time.monotonic() - began:.0f} s")


def _say(what: str, value: str) -> None:
    print(f"{what}: {value}", flush=True)  # noqa: T201


def measured(arguments: list[str]) -> None:
    """Paint in another process, and print what it says with the most memory that it had had by then."""
    command = [sys.executable, "-m", "nst_benchmarks.scratch", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        peaks, ended = {"RssAnon": 0, "VmRSS": 0}, threading.Event()
        threading.Thread(target=_watch, args=(process.pid, peaks, ended)).start()
        assert process.stdout is not None  # noqa: S101 - for the type checker
        for line in process.stdout:
            most = "  ".join(f"{name} {kilobytes * 1024 / 1e9:.2f} GB" for name, kilobytes in peaks.items())
            print(f"{line.rstrip():40} {most}", flush=True)  # noqa: T201
        ended.set()
    if process.returncode:
        sys.exit(f"painting ended with {process.returncode}")


def _watch(process: int, peaks: dict[str, int], ended: threading.Event) -> None:
    """Note the most that a process has of each kind of memory, in kB."""
    while not ended.wait(INTERVAL):
        try:
            lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
        except OSError:  # it has ended
            return
        for line in lines:
            name, _, value = line.partition(":")
            if name in peaks:
                peaks[name] = max(peaks[name], int(value.split()[0]))


if __name__ == "__main__":
    main()
