"""A clip with the real networks: killed at any moment and gone on with, and steadier than its frames by themselves."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from clip_orders import moving_clip

from nst_benchmarks.clips import make_clip
from nst_core import Session, load_image
from nst_core.images.write import quantize
from nst_core.video import ClipPainter, clip_job
from nst_core.video.measures import flicker, warping_error

KILLS = 3


def command(clip: Path, output: Path) -> list[str]:
    options = ["--extractor", "vgg19-lite", "--size", "64", "--steps", "10", "--frame-steps", "5", "--lossless"]
    return [sys.executable, "-m", "nst_cli", "video", str(clip), "sample:brushwork", *options, "-o", str(output), "-q"]


def finished(folder: Path) -> int:
    log = folder / "frames.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def test_a_clip_killed_again_and_again_is_the_same_file(tmp_path):
    clip = moving_clip(tmp_path / "walk.mkv", 8, size=(36, 64))
    subprocess.run(command(clip, tmp_path / "whole.mkv"), check=True)
    generator, killed = random.Random(0), 0
    for number in range(KILLS):
        process = subprocess.Popen(command(clip, tmp_path / "o.mkv"))
        end = time.monotonic() + 120
        while finished(tmp_path / "o.frames") < 2 * number + 1 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 0.05))
        process.kill()
        killed += process.wait() == -9
    assert killed == KILLS
    done = finished(tmp_path / "o.frames")
    assert 2 * KILLS - 1 <= done < 8
    subprocess.run(command(clip, tmp_path / "o.mkv"), check=True)
    assert (tmp_path / "o.mkv").read_bytes() == (tmp_path / "whole.mkv").read_bytes()
    assert not (tmp_path / "o.frames").exists()


def test_frames_held_together_are_five_times_as_steady():
    clip = make_clip("rotation", quantize(load_image("sample:landscape").pixels), (96, 160), 3)
    errors, flickers = [], []
    for consistency in (0.0, 0.5):
        session = Session()
        job = clip_job("sample:brushwork", size=160, extractor="vgg19-lite", session=session)
        painter = ClipPainter(job, session, consistency=consistency)
        painted = [painter.paint(frame) for frame in clip.frames]
        assert all(one.evaluations <= 25 for one in painted[1:]) == (consistency > 0)
        frames = [one.frame for one in painted]
        both = [(n, frames[n], frames[n - 1]) for n in (1, 2)]
        errors.append(sum(warping_error(a, b, clip.flows[n - 1], clip.visible[n - 1]) for n, a, b in both))
        flickers.append(sum(flicker(a, b, clip.frames[n], clip.frames[n - 1]) for n, a, b in both))
    assert errors[0] > 5 * errors[1]
    assert flickers[0] > flickers[1]
