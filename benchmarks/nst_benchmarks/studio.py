"""How quickly the studio answers, and whether it stays as it is while visitors come and go.

    python -m nst_benchmarks.studio latency             # on an idle machine
    python -m nst_benchmarks.studio load --minutes 10   # needs playwright and Chromium

``latency`` times what a visitor waits for: without a browser, at the picture itself; and, where playwright and Chromium
are there, from the press of a key to the picture in the page, with server and browser on the same cores. ``load``
lets visitors come in turn, and looks at the server's memory and at its temporary files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

__all__ = ["browser_latency", "latency", "load"]

WAITED_FOR = ("first preview", "preview at 256 px", "changed preview at 256 px, small network")
PHOTO, PAINTING = "sample:landscape", "sample:brushwork"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def latency(repeats: int = 5) -> dict[str, float]:
    """Return medians of the seconds to what a visitor waits for, of a picture of 256 px, without a browser."""
    from nst_cli.studio.desk import Desk
    from nst_cli.studio.painting import Painting
    from nst_cli.studio.wish import Wish
    from nst_core import Session

    desk, session = Desk(), Session()
    wish = Wish(PHOTO, (PAINTING,), {"size": 256})
    quick = replace(wish, quick=True)

    def once() -> list[float]:
        painting = Painting(session, desk, lambda *_: "")
        began = time.perf_counter()
        painting.paint(wish)
        _until(lambda: painting.view.image is not None)
        first = time.perf_counter() - began
        _until(lambda: painting.view.size == 256)
        full = time.perf_counter() - began
        painting.stop()
        painting.settled(60)
        painting.paint(quick)
        _until(lambda: painting.view.size == 256 and painting.view.done > 0.9)
        before, began = painting.view.image, time.perf_counter()
        painting.change(replace(quick, options={"size": 256, "strength": 0.9}))
        _until(lambda: _differs(painting.view.image, before))
        changed = time.perf_counter() - began
        painting.stop()
        painting.settled(60)
        return [first, full, changed]

    times = [once() for _ in range(repeats + 1)][1:]  # the first one loads the networks
    desk.close()
    return dict(zip(WAITED_FOR, map(statistics.median, zip(*times, strict=True)), strict=True))


def browser_latency(repeats: int = 5) -> dict[str, float]:
    """Return medians of the seconds from a key to the picture in a page, server and browser on the same machine."""

    def once(page: Any) -> list[float]:
        photo, began = _shown(page), time.perf_counter()
        page.focus("#paint")
        page.keyboard.press("Enter")
        _until(lambda: _shown(page) != photo)
        first = time.perf_counter() - began
        _until(lambda: "256 px" in _status(page))
        full = time.perf_counter() - began
        page.click("#stop")
        _until(lambda: bool(page.is_enabled("#continue")))
        _resize(page, 512)
        page.check("#quick input[value='Small network only']")
        page.click("#paint")
        _until(lambda: _status(page).startswith("vgg19-lite, 256 px"))
        page.focus("#strength input[type=range]")
        done, began = _done(page), time.perf_counter()
        page.keyboard.press("End")
        _until(lambda: 0 < _done(page) < done)
        changed = time.perf_counter() - began
        page.context.close()
        return [first, full, changed]

    with _server() as (address, _), _browser() as browser:
        times = [once(_visit(browser, address, 256)) for _ in range(repeats)]
    return dict(zip(WAITED_FOR, map(statistics.median, zip(*times, strict=True)), strict=True))


def load(minutes: float = 10.0, visitors: int = 20) -> dict[str, Any]:
    """Let visitors come in turn: each opens the page, paints and leaves.

    Args:
        minutes: how long.
        visitors: that are the first round, after which memory is compared with the end.

    Returns:
        Visits, resident memory in MB after each of ten parts of the time, and files that are left.
    """
    import psutil

    memory: list[float] = []
    visits = 0
    with _server() as (address, process), _browser() as browser:
        server = psutil.Process(process.pid)
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end or visits < visitors:
            _paint_and_leave(_visit(browser, address, 128))
            visits += 1
            memory.append(server.memory_info().rss / 1e6)
        time.sleep(5)
        (scratch,) = Path(os.environ["NST_LOAD_TMP"]).glob("nst-studio-*")
        left = [str(path.relative_to(scratch)) for path in scratch.rglob("*") if path.is_file()]
    part = max(1, len(memory) // 10)
    means = [round(statistics.mean(memory[start : start + part])) for start in range(0, part * 10, part)]
    return {"visits": visits, "memory_mb": means, "growth": means[-1] / means[1] - 1, "files_while_open": left}


def _differs(image: Any, before: Any) -> bool:
    return image.shape == before.shape and float((image - before).abs().mean()) > 1 / 255


def _done(page: Any) -> int:
    return int(page.get_attribute("#canvas .nst-bar", "aria-valuenow") or 0)


def _status(page: Any) -> str:
    return str(page.inner_text("#canvas .nst-status"))


def _paint_and_leave(page: Any) -> None:
    page.check("#quick input[value='Small network only']")
    page.click("#paint")
    _until(lambda: _status(page).startswith("Finished"))
    page.context.close()


def _until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the studio did not answer")
        time.sleep(0.005)


def _shown(page: Any) -> str:
    return str(page.get_attribute("#canvas .nst-after", "src") or "")


def _visit(browser: Any, address: str, size: int) -> Any:
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    page.goto(address)
    page.wait_for_selector("#paint")
    page.click("#example-1")
    _until(lambda: bool(_shown(page)))
    _resize(page, size)
    return page


def _resize(page: Any, size: int) -> None:
    page.fill("#size input[type=number]", str(size))
    page.keyboard.press("Tab")
    time.sleep(0.5)


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def _server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "tmp"
        temporary.mkdir()
        os.environ["NST_LOAD_TMP"] = str(temporary)
        command = [sys.executable, "-m", "nst_cli", "ui", str(Path(folder) / "pictures"), "--port", "0"]
        process = subprocess.Popen(  # noqa: S603 - this program
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(temporary)}
        )
        assert process.stdout is not None  # noqa: S101 - for the type checker
        address = process.stdout.readline().strip()

        def idle() -> bool:
            with urllib.request.urlopen(f"{address}health", timeout=60) as answer:  # noqa: S310 - this machine's
                return not bool(json.load(answer)["busy"])

        try:
            _until(idle)
            yield address, process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        print(f"temporary files at the end: {[*temporary.iterdir()]}")  # noqa: T201 - its output


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["latency", "load"])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.what == "load":
        print(json.dumps(load(chosen.minutes), indent=2))  # noqa: T201 - its output
        return
    for where, measure in (("without a browser", latency), ("in Chromium", browser_latency)):
        try:
            found = measure(chosen.repeats)
        except ImportError as error:
            print(f"{where}: not measured ({error})")  # noqa: T201 - its output
            continue
        for name, seconds in found.items():
            print(f"{where}: {name} {seconds:.2f} s")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
