"""The real command with the real weights on real images."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from problems import at, problem_of

import nst_core
from nst_core import load_image
from nst_core.ops import native
from nst_core.plugins.discovery import default_registry
from nst_core.runtime.device import native_bfloat16

NST = str(Path(sys.executable).with_name("nst"))
EMULATED = native().module is None and not native_bfloat16(torch.device("cpu"))[0]
TOO_SLOW = "native kernels or a processor with bfloat16 needed: torch emulates it twenty times slower"


@pytest.fixture
def command(real_weights, real_images, tmp_path):
    """Run `nst run` in a process of its own on two images of the folder; return what --json says."""

    def run(content, style, *options):
        images = (str(real_images / f"{content}.jpg"), str(real_images / f"{style}.jpg"))
        done = subprocess.run(
            [NST, "run", *images, "--weights", str(real_weights), "--json", "--quiet", *options],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ.copy(),
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout) | {"path": tmp_path / json.loads(done.stdout)["output"]}

    return run


def loss_of(path, job: nst_core.Job) -> float:
    """Total loss of a saved picture, computed anew from the file."""
    problem = problem_of(job, default_registry())
    with torch.no_grad():
        return float(at(problem, load_image(path).pixels).total)


def test_the_saved_file_has_the_reported_loss_and_one_seed_gives_one_picture(command):
    options = ("--size", "64", "--steps", "40", "--precision", "fp32", "--device", "cpu", "--preset")
    for preset in ("content", "noise"):
        first = command("tubingen", "starry_night", *options, preset, "-o", f"{preset}.png")
        assert first["total"] < 0.2 * first["first_total"]
        saved = loss_of(first["path"], nst_core.Job.from_dict(first["job"]))
        assert saved == pytest.approx(first["total"], rel=0.02)
    again = command("tubingen", "starry_night", *options, "noise", "-o", "again.png")
    assert torch.equal(load_image(first["path"]).pixels, load_image(again["path"]).pixels)


@pytest.mark.once
def test_a_picture_of_the_real_network_is_repeated_from_its_recipe(nst, real_weights, real_images):
    """A picture names its files alone, so that they are given again; with all its metadata it finds them by itself."""
    names = ("hoovertowernight", "shipwreck")
    images = [str(real_images / f"{name}.jpg") for name in names]
    weights = ("--weights", str(real_weights))
    options = ("--size", "64", "--steps", "6", "--plugin", "tv")
    for output, *more in (("one.jpg",), ("full.jpg", "--metadata", "full")):
        made = nst("run", *images, *weights, *options, *more, "-o", output)
        assert (made.code, made.out) == (0, f"{output}\n"), made.err
    lost = nst("run", "--from-image", "one.jpg", "-o", "lost.jpg")
    assert lost.code == 2
    assert all(f"{name}.jpg" in lost.err for name in names)
    assert "--weights" in lost.err
    for output, *given in (
        ("two.jpg", *images, *weights, "--from-image", "one.jpg"),
        ("three.jpg", "--from-image", "full.jpg"),
    ):
        done = nst("run", *given, "-o", output)
        assert (done.code, done.out) == (0, f"{output}\n"), done.err
        assert torch.equal(load_image("one.jpg").pixels, load_image(output).pixels)


def test_bfloat16_sees_the_same_picture(real_weights, real_images):
    """Where the processor has no bf16 it is rounded to it; the losses still agree."""
    totals = {}
    for precision in ("fp32", "bf16"):
        result = nst_core.stylize(
            real_images / "tubingen.jpg",
            real_images / "starry_night.jpg",
            size=64,
            steps=1,
            weights=str(real_weights),
            precision=precision,
            device="cpu",
        )
        totals[precision] = result.total
    assert totals["bf16"] == pytest.approx(totals["fp32"], rel=0.03)


@pytest.mark.skipif(EMULATED, reason=TOO_SLOW)
@pytest.mark.parametrize("preset", ["content", "noise"])
def test_bfloat16_reaches_the_loss_of_float32(real_weights, real_images, preset):
    """As many evaluations, and the float32 loss of both pictures within 2 %."""
    options = {"preset": preset, "size": 64, "steps": 60, "weights": str(real_weights), "device": "cpu"}
    pair = (real_images / "tubingen.jpg", real_images / "starry_night.jpg")
    losses = {}
    for precision in ("fp32", "bf16"):
        result = nst_core.stylize(*pair, **options, precision=precision)
        problem = problem_of(replace(result.job, precision="fp32"), default_registry())
        with torch.no_grad():
            losses[precision] = float(at(problem, result.image).total)
    assert losses["bf16"] < 1.02 * losses["fp32"]


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [("fp32", 1e-4), pytest.param("bf16", 0.02, marks=pytest.mark.skipif(EMULATED, reason=TOO_SLOW))],
)
def test_the_real_network_is_the_same_in_tiles(precision, tolerance, real_weights, real_images):
    """Losses and gradient at a picture on its way, in eight tiles and as a whole."""
    pair = (str(real_images / "tubingen.jpg"), str(real_images / "starry_night.jpg"))
    job = nst_core.make_job(*pair, size=512, weights=str(real_weights), precision=precision, device="cpu")
    job = replace(job, levels=())
    found = []
    for tile in (None, 330):
        problem = problem_of(job, default_registry(), tile=tile)
        noise = torch.randn(problem.variable.shape, generator=torch.Generator().manual_seed(0))
        point = (problem.variable + 0.1 * noise).clamp(0, 1)
        assert len(problem.tiling.tiles(*problem.size)) == (8 if tile else 1)
        found.append(problem.evaluate(point)[0])
    whole, tiled = found
    torch.testing.assert_close(tiled.losses, whole.losses, rtol=tolerance, atol=0)
    assert float((tiled.gradient - whole.gradient).norm()) < tolerance * float(whole.gradient.norm())


@pytest.mark.once
def test_reconstruction_and_texture_synthesis(real_weights, real_images):
    """The shallow layer brings the photograph back; the texture has the painting's colours and not its places."""
    options = {"size": 96, "weights": str(real_weights), "precision": "fp32", "device": "cpu"}
    photo, painting = real_images / "tubingen.jpg", real_images / "starry_night.jpg"
    back = nst_core.reconstruct(photo, "conv1_2", steps=40, **options)
    truth = load_image(photo, size=96).pixels
    assert (back.image - truth).square().mean() < 0.1 * (0.5 - truth).square().mean()
    texture = nst_core.synthesize(painting, shape=(64, 96), steps=100, **options)
    assert texture.image.shape == (1, 3, 64, 96)
    assert texture.total < 0.05 * texture.history[0]
    colours = load_image(painting, size=96).pixels.mean(dim=(2, 3))
    torch.testing.assert_close(texture.image.mean(dim=(2, 3)), colours, atol=0.05, rtol=0)


@pytest.mark.slow
def test_the_content_preset_reaches_its_goal(command):
    """256 px, 200 evaluations: below 2.5 % of the first total, measured on the saved file."""
    options = ("--preset", "content", "--size", "256", "--steps", "200", "--precision", "fp32", "-o", "goal.png")
    made = command("tubingen", "starry_night", *options)
    assert loss_of(made["path"], nst_core.Job.from_dict(made["job"])) < 0.025 * made["first_total"]


@pytest.mark.slow
def test_twenty_kills_at_random_moments_cost_no_pixel(real_weights, real_images, tmp_path):
    """kill -9 by process id, whatever the run is doing, its checkpoint included; the end is the same picture."""
    pair = [str(real_images / "tubingen.jpg"), str(real_images / "starry_night.jpg")]
    options = ["--weights", str(real_weights), "--levels", "128,256", "--steps", "600", "--device", "cpu", "-q"]
    kept = ["--checkpoint", "run.ckpt", "--checkpoint-every", "0s"]
    subprocess.run([NST, "run", *pair, *options, "-o", "whole.png"], check=True, cwd=tmp_path)
    chance = random.Random(0)
    kills = 0
    command = [NST, "run", *pair, *options, *kept, "-o", "killed.png"]
    while kills < 20:
        process = subprocess.Popen(command, cwd=tmp_path)
        until = time.monotonic() + 60
        fresh = time.time()
        while time.monotonic() < until and process.poll() is None:
            file = tmp_path / "run.ckpt"
            if file.exists() and file.stat().st_mtime > fresh:  # it has begun to make steps
                break
            time.sleep(0.01)
        time.sleep(chance.random())
        assert process.poll() is None, f"it was over after {kills} kills"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        command = [NST, "resume", "run.ckpt", "--checkpoint-every", "0s", "-q"]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert torch.equal(load_image(tmp_path / "killed.png").pixels, load_image(tmp_path / "whole.png").pixels)
