"""Runs whose large tensors are in files: the same pixels as without them, whatever interrupts them."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from installed import install
from runs import picture, same
from tiny import tiny_registry

from nst_core import Checkpoint, JobError, Resources, Session, load_image, make_job, plan, run, save_image
from nst_core.ops import native

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or native().module is None, reason="scratch files need Linux and native kernels"
)

REGISTRY = tiny_registry()
HEIGHT, WIDTH = 420, 560  # 2.8 MB as float32: from 1 MB on tensors are in files
PICTURE = 12 * HEIGHT * WIDTH
CONTENT, STYLE = picture(HEIGHT, WIDTH, 0), picture(90, 80, 1)
OPTIONS = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu", "size": WIDTH, "steps": 6}


def made(resources: Resources, checkpoint: Checkpoint | None = None, observers=(), **options):
    session = Session(REGISTRY)
    job = make_job(CONTENT, STYLE, session=session, **(OPTIONS | options))
    return run(
        job,
        content=CONTENT,
        styles=STYLE,
        session=session,
        resources=resources,
        checkpoint=checkpoint,
        observers=observers,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"levels": "off"},
        {"levels": "140,280,560", "optimizer": "adam"},
        {"levels": "off", "optimizer": "lbfgs:history=3,line_search=strong-wolfe", "color": "luminance"},
    ],
    ids=["lbfgs", "levels", "colours"],
)
@pytest.mark.parametrize("tile", ["off", 200])
def test_the_pixels_are_those_without_files(tmp_path, tile, options):
    expected = made(Resources(tile), **options)
    found = made(Resources(tile, scratch=tmp_path), **options)
    same(found, expected)
    assert expected.scratch == 0
    assert found.scratch == found.figures()["scratch"] > 4 * PICTURE
    assert list(tmp_path.iterdir()) == []


def test_the_gradient_is_that_without_files(tmp_path):
    """Evaluation by evaluation: the best picture that every step shows follows from all gradients before it."""

    def pictures(resources: Resources) -> list[torch.Tensor]:
        found: list[torch.Tensor] = []
        made(resources, observers=[lambda step: found.append(step.image.clone())], levels="off")
        return found

    for one, other in zip(pictures(Resources(200)), pictures(Resources(200, scratch=tmp_path)), strict=True):
        assert torch.equal(one, other)


def test_the_history_is_in_files(tmp_path):
    short, long = (
        made(Resources("off", scratch=tmp_path), levels="off", optimizer=f"lbfgs:history={n}").scratch for n in (5, 20)
    )
    assert long - short == 2 * 15 * PICTURE


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    """In files or in memory, whatever it was before."""
    files = Resources("off", scratch=tmp_path / "files")
    expected = made(Resources("off"), levels="off")

    class PowerCutError(Exception):
        pass

    def cut(step):
        if step.number == 4:
            raise PowerCutError

    for before, after in ((files, files), (files, Resources("off")), (Resources("off"), files)):
        kept = Checkpoint(tmp_path / "run.ckpt", every=0.0)
        with pytest.raises(PowerCutError):
            made(before, kept, [cut], levels="off")
        found = made(after, kept, levels="off")
        same(found, expected)
        assert (found.scratch > 0) == (after is files)
        kept.finished()


def test_the_command_resumes_after_a_kill(tmp_path):
    paths = []
    for name, pixels in (("content.png", CONTENT), ("style.png", STYLE)):
        save_image(pixels, tmp_path / name)
        paths.append(str(tmp_path / name))
    here = Path(__file__).resolve().parent
    site = install(tmp_path / "site", "tiny-package", "tiny", "tiny")
    path = os.pathsep.join([str(site), str(here.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", "nst_cli"]
    small = ["--extractor", "tiny", "--size", str(WIDTH), "--levels", "off", "--steps", "40", "--device", "cpu", "-q"]
    out, whole, kept, files = (tmp_path / name for name in ("out.png", "whole.png", "run.ckpt", "files"))
    subprocess.run([*command, "run", *paths, *small, "-o", str(whole)], check=True, env=environment)
    more = ["-o", str(out), "--checkpoint", str(kept), "--checkpoint-every", "0s", "--scratch", str(files)]
    with subprocess.Popen([*command, "run", *paths, *small, *more], env=environment) as process:
        while not kept.exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    assert list(files.iterdir()) == []  # the system has removed what the process had there
    done = subprocess.run(
        [*command, "resume", str(kept), "--json", "--scratch", str(files)],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["scratch"] > 20 * PICTURE
    assert torch.equal(load_image(out).pixels, load_image(whole).pixels)


def planned(resources: Resources, **options):
    gc.collect()  # a plan counts what the process holds, and what earlier tests have left goes at some time
    content = picture(1200, 1600, 0)
    session = Session(REGISTRY)
    job = make_job(content, STYLE, session=session, **(OPTIONS | {"size": 1600, "levels": "off"} | options))
    return plan(job, content=content, styles=STYLE, session=session, resources=resources)


def test_the_plan_counts_files_apart(tmp_path):
    planned(Resources(), optimizer="adam")  # from here on all modules are loaded, which plans count, too
    memory = planned(Resources())
    files = planned(Resources(scratch=tmp_path))
    pixels = 1600 * 1200
    assert memory.disk == 0
    assert files.disk > pixels * 12 * (41 + 11)
    assert files.disk_room > files.disk
    assert files.to_dict()["disk"] == files.disk
    adam = planned(Resources(scratch=tmp_path), optimizer="adam")
    assert adam.disk < files.disk
    assert adam.floor == pytest.approx(files.floor, rel=0.02)  # the history is on the disk
    tight = planned(Resources(memory_limit=int(files.floor + 0.3 * (files.bytes - files.floor)), scratch=tmp_path))
    assert tight.fits
    assert not tight.optimizer_reduced
    assert tight.levels[0].rows * tight.levels[0].columns > 1


def test_a_disk_that_is_too_small_is_said_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("nst_core.planning.memory_plan.room_in", lambda _: 20 * PICTURE)
    for tile in ("auto", "off", 200):
        with pytest.raises(JobError, match=r"560×420 pixels need .* MB in the scratch folder, but there is room for"):
            made(Resources(tile, scratch=tmp_path), levels="off")
    monkeypatch.setattr("nst_core.planning.memory_plan.room_in", lambda _: 20 * 12 * 1600 * 1200)
    found = planned(Resources(scratch=tmp_path))
    assert not found.fits
    assert "use --optimizer lbfgs:history=10, or use --size" in found.advice


def test_the_command_shows_and_refuses(nst, tmp_path, monkeypatch):
    small = ("photo.jpg", "painting.png", "--extractor", "tiny", "--size", "32", "--steps", "2", "--device", "cpu")
    done = nst("run", *small, "--dry-run", "--scratch", "files")
    assert done.code == 0
    assert "in scratch files" in done.out
    assert not Path("files").exists()  # it writes nothing
    done = nst("run", *small, "--dry-run", "--scratch", "photo.jpg")
    assert done.code == 2
    assert "photo.jpg' cannot be written to" in done.err
    assert nst("run", *small, "--scratch", "files", "-o", "out.png").code == 0
    done = nst("run", *small, "--scratch", "photo.jpg", "-o", "out.png")
    assert done.code == 2
    assert "photo.jpg' cannot be written to" in done.err
    monkeypatch.setenv("NST_NATIVE", "0")
    done = nst("run", *small, "--scratch", "files", "-o", "out.png")
    assert done.code == 2
    assert "scratch files need the native kernels" in done.err
