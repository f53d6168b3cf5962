"""Read damaged images and recipes: each must be read, or refused with an error of ours, in little time and memory.

    python tests/fuzz/run.py [images|recipes|all] [--seconds S] [--cases N] [--seed SEED] [--keep FOLDER]
    python tests/fuzz/run.py images --seed SEED --case NUMBER      make and try one case again

A case is made from the seed and its number alone. It fails if anything but an error of ours is raised, if there is a
warning, if anything is written to the terminal, if it takes longer than five seconds or 400 MB more than the picture
that it gives, or if the process dies. Every failure is printed with its seed, and its input is kept.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS, MEGABYTES = 5.0, 400
# After this the worker is ended: what it was at does not come back.
PATIENCE = 30.0


def main() -> int:
    """Run the modes that were asked for; return the exit code."""
    options = _options()
    if options.worker is not None:
        return _work(options)
    modes = ("images", "recipes") if options.mode == "all" else (options.mode,)
    keep = options.keep or Path(tempfile.mkdtemp(prefix="nst-fuzz-"))
    keep.mkdir(parents=True, exist_ok=True)
    failures = sum(_supervise(mode, options, options.seconds / len(modes), keep) for mode in modes)
    print(f"{failures} failures; their inputs are in {keep}" if failures else "no failures")
    if not failures and options.keep is None:
        keep.rmdir()
    return 1 if failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=("images", "recipes", "all"), default="all")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for all modes together")
    parser.add_argument("--cases", type=int, default=10**9, help="most cases of a mode")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this one alone")
    parser.add_argument("--keep", type=Path, help="folder for the inputs of cases that failed")
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def _supervise(mode: str, options: argparse.Namespace, seconds: float, keep: Path) -> int:
    """Let workers go through the cases of a mode, a new one where one died; return the number of failures."""
    deadline, failures = time.time() + seconds, 0
    number = options.case if options.case is not None else 0
    cases = number + 1 if options.case is not None else options.cases
    outcomes: Counter[str] = Counter()
    while number < cases and time.time() < deadline:
        command = [sys.executable, __file__, mode, "--worker", str(deadline), "--case", str(number)]
        command += ["--cases", str(cases), "--seed", str(options.seed), "--keep", str(keep)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (keep / "worker.txt").open("w+", encoding="utf-8") as output:
            code, number, tried = _watched(subprocess.Popen(command, stdout=output, env=environment), output, number)
        for line in tried:
            outcomes[line] += 1
            if line.startswith("FAILED"):
                failures += 1
                print(line, flush=True)
        if code != 0:
            failures += 1
            died = f"was ended after {PATIENCE:g} s" if code == -9 else f"ended with {code}"
            print(f"FAILED {mode} --seed {options.seed} --case {number}: the process {died}", flush=True)
            for path in keep.glob(f"current-{mode}.*"):
                path.rename(keep / f"{mode}-{options.seed}-{number}{path.suffix}")
            number += 1
    for path in (*keep.glob("current-*"), keep / "worker.txt"):
        path.unlink(missing_ok=True)
    counted = ", ".join(f"{count} {name}" for name, count in outcomes.most_common() if not name.startswith("FAILED"))
    print(f"{mode}, seed {options.seed}: {sum(outcomes.values())} cases: {counted}", flush=True)
    return failures


def _watched(worker: subprocess.Popen[bytes], output: object, number: int) -> tuple[int, int, list[str]]:
    """Wait for a worker; return its exit code, the case that it did not finish, and what came of the others."""
    size, since = -1, time.monotonic()
    path = Path(output.name)  # type: ignore[attr-defined]
    while worker.poll() is None:
        if path.stat().st_size != size:
            size, since = path.stat().st_size, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            worker.kill()
        time.sleep(0.02)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    finished = [line for line in lines if line != "begun"]
    return worker.returncode, number + len(finished), finished


def _work(options: argparse.Namespace) -> int:
    """Try cases one after the other; print what came of each in one line."""
    sys.path.insert(0, str(HERE))
    make, check = _mode(options.mode)
    warnings.simplefilter("error")
    terminal = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as the process lives
    os.dup2(terminal.fileno(), 2)
    print("begun", flush=True)
    number, deadline = options.case, options.worker  # on the clock: loading torch counts
    while number < options.cases and (time.time() < deadline or number == options.case):
        suffix, data = make(random.Random(f"{options.mode} {options.seed} {number}"))
        path = options.keep / f"current-{options.mode}.{suffix}"
        path.write_bytes(data)
        problem, outcome = _tried(check, path, terminal.fileno())
        if problem:
            kept = options.keep / f"{options.mode}-{options.seed}-{number}.{suffix}"
            path.rename(kept)
            outcome = f"FAILED {options.mode} --seed {options.seed} --case {number}: {problem}; input: {kept}"
        else:
            path.unlink()
        print(outcome, flush=True)
        number += 1
    return 0


def _mode(name: str) -> tuple[Callable[[random.Random], tuple[str, bytes]], Callable[[Path], str]]:
    if name == "images":
        from images import check_image, make_image

        return make_image, check_image
    from recipes import check_recipe_file, make_recipe

    return make_recipe, check_recipe_file


def _tried(check: Callable[[Path], str], path: Path, terminal: int) -> tuple[str, str]:
    """Try a case; return what is wrong, or "", and what came of it."""
    before, written = _resident(peak=False), os.fstat(terminal).st_size
    began = time.monotonic()
    try:
        outcome = check(path)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:200]
        return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {text}", ""
    seconds, grown = time.monotonic() - began, _resident(peak=True) - before
    if seconds > SECONDS:
        return f"took {seconds:.1f} s ({outcome})", ""
    if grown > MEGABYTES * 10**6:
        return f"took {grown / 1e6:.0f} MB ({outcome})", ""
    if os.fstat(terminal).st_size != written:
        said = os.pread(terminal, 200, written).decode(errors="replace")
        return f"wrote to the terminal: {' '.join(said.split())}", ""
    return "", outcome


def _resident(*, peak: bool) -> int:
    """Return the memory in use, or the most since the last question; 0 on systems that do not say."""
    try:
        if not peak:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    name = "VmHWM:" if peak else "VmRSS:"
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


if __name__ == "__main__":
    sys.exit(main())
