"""The command with several workers, killed and started again: nothing that is finished is computed once more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import torch

from nst_core import load_image, save_image

PROGRAM = "from nst_cli.main import main; main()"
SMALL = ("--extractor", "vgg19-lite", "--size", "32", "--levels", "off", "--steps", "20", "--threads", "2")
COUNT = 8


def started(folder: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-c", PROGRAM, "batch", "photos", "--styles", "painting.png", "-o", "out", *SMALL]
    pipe = subprocess.PIPE
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command, *arguments], cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def finished(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """What is finished, and when it was."""
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("out/cells/*/result.json")}


def test_a_batch_that_was_killed_computes_nothing_again(tmp_path):
    (tmp_path / "photos").mkdir()
    for seed in range(COUNT):
        pixels = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(seed))
        save_image(pixels, tmp_path / "photos" / f"{seed}.png")
    save_image(torch.rand(3, 32, 28, generator=torch.Generator().manual_seed(99)), tmp_path / "painting.png")
    with started(tmp_path, "--workers", "2") as first:
        end = time.monotonic() + 120
        while len(finished(tmp_path)) < 2:
            assert time.monotonic() < end, "there is no picture"
            time.sleep(0.01)
        first.kill()
    kept = finished(tmp_path)
    assert 2 <= len(kept) < COUNT
    with started(tmp_path, "--workers", "2", "--json") as second:  # while workers of the first may still be at work
        said, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert {path: finished(tmp_path)[path] for path in kept} == kept
    cells = json.loads(said)["cells"]
    assert Counter(cell["status"] for cell in cells)["failed"] == 0
    assert len(finished(tmp_path)) == len({cell["key"] for cell in cells}) == COUNT
    for cell in cells:
        assert load_image(tmp_path / cell["picture"]).pixels.shape == (1, 3, 24, 32)
