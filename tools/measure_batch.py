"""Measure what a batch saves: against single runs, with several workers, and with a thousand tiny jobs.

    python tools/measure_batch.py single  PHOTOS PAINTING… [--size 256] [--cells 24] [--rounds 3] [--options="--fast"]
    python tools/measure_batch.py workers PHOTOS PAINTING… [--size 256] [--cells 24] [--rounds 3] [--options="--fast"]
    python tools/measure_batch.py tiny    PAINTING [--cells 1000] [--workers 2]

``single`` alternates `nst batch` with as many `nst run`, ``workers`` one worker that has all threads with two that
share them; both print the seconds of every round, and cells an hour from their medians. ``tiny`` prints the seconds
until the first picture and until the end, and the memory of the driver as the batch goes on. ``--options`` are those of
`nst run`. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from nst_core import save_image

NST = [sys.executable, "-c", "from nst_cli.main import main; main()"]
TINY = ("--preset", "content", "--extractor", "vgg19-lite", "--size", "32", "--steps", "2")


def timed(*commands: list[str]) -> float:
    """Run commands one after the other and return the seconds."""
    began = time.perf_counter()
    for command in commands:
        subprocess.run([*NST, *command], check=True, capture_output=True)
    return time.perf_counter() - began


def alternating(ways: dict[str, Callable[[Path], float]], rounds: int, cells: int) -> None:
    """Measure ways in turn, and print cells an hour of each and their ratio to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds[name].append(way(Path(folder)))
            print(f"round {number + 1}  {name}  {seconds[name][-1]:.1f} s", flush=True)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    first = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{name}: {cells / median * 3600:.0f} cells an hour, {first / median:.2f} times the first")


def pairs_of(photos: Path, paintings: list[Path], cells: int) -> list[tuple[str, str]]:
    """Return pairs of images, as a batch makes them."""
    found = sorted(path for path in photos.iterdir() if path.is_file())
    return [(str(photo), str(painting)) for photo, painting in itertools.product(found, paintings)][:cells]


def listed(pairs: list[tuple[str, str]], folder: Path) -> str:
    """Write a list of jobs and return its path."""
    path = folder / "jobs.csv"
    path.write_text("content,style\n" + "".join(f"{photo},{painting}\n" for photo, painting in pairs))
    return str(path)


def compare(options: argparse.Namespace, *, single: bool) -> None:
    """Measure a batch against single runs, or two workers against one."""
    pairs = pairs_of(options.photos, options.paintings, options.cells)
    given = ["--size", str(options.size), *options.options]

    def batch(folder: Path, *more: str) -> float:
        return timed(["batch", "--jobs", listed(pairs, folder), "-o", str(folder / "out"), *given, *more])

    def runs(folder: Path) -> float:
        return timed(
            *(["run", *pair, "-o", str(folder / f"{number}.png"), *given] for number, pair in enumerate(pairs))
        )

    if single:
        ways: dict[str, Callable[[Path], float]] = {"single runs": runs, "batch": batch}
    else:
        ways = {"one worker": batch, "two workers": lambda folder: batch(folder, "--workers", "2")}
    alternating(ways, options.rounds, len(pairs))


def tiny(options: argparse.Namespace) -> None:
    """Make many tiny pictures, and watch the driver."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "photos").mkdir()
        for seed in range(options.cells):
            pixels = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed))
            save_image(pixels, folder / "photos" / f"{seed:05}.png")
        command = ["batch", str(folder / "photos"), "--styles", str(options.painting), "-o", str(folder / "out"), *TINY]
        began, marks = time.perf_counter(), {0, options.cells - 1, *range(0, options.cells, max(1, options.cells // 5))}
        with subprocess.Popen(
            [*NST, *command, "--workers", str(options.workers)], stderr=subprocess.PIPE, text=True
        ) as driver:
            process, done = psutil.Process(driver.pid), 0
            for line in driver.stderr or ():
                if f"/{options.cells}  " in line:
                    if done in marks:
                        memory = process.memory_info().rss / 1e6
                        print(f"{done + 1}: {time.perf_counter() - began:.1f} s, driver {memory:.0f} MB", flush=True)
                    done += 1
        rows = len((folder / "out" / "index.csv").read_text().splitlines()) - 1
        print(f"exit code {driver.returncode}, {rows} rows, {time.perf_counter() - began:.1f} s with the report")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("single", "workers"):
        command = commands.add_parser(name)
        command.add_argument("photos", type=Path)
        command.add_argument("paintings", type=Path, nargs="+")
        command.add_argument("--size", type=int, default=256)
        command.add_argument("--cells", type=int, default=24)
        command.add_argument("--rounds", type=int, default=3)
        command.add_argument("--options", type=shlex.split, default=[])
    command = commands.add_parser("tiny")
    command.add_argument("painting", type=Path)
    command.add_argument("--cells", type=int, default=1000)
    command.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    if options.command == "tiny":
        tiny(options)
    else:
        compare(options, single=options.command == "single")


if __name__ == "__main__":
    main()
