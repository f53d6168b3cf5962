"""Runs that are interrupted and go on: the same pixels, whatever happened to the file."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from installed import install
from safetensors.torch import save_file
from tiny import tiny_registry

from nst_core import (
    CheckpointError,
    Job,
    Problem,
    Resources,
    Session,
    load_image,
    make_job,
    run,
    save_image,
)
from nst_core.engine.checkpoint import Checkpoint
from nst_core.engine.result import versions

REGISTRY = tiny_registry()
SMALL = ("photo.jpg", "painting.png", "--extractor", "tiny", "--steps", "6", "--size", "32", "--precision", "fp32")
OPTIONS = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu", "steps": 14}


@pytest.fixture
def images(tmp_path) -> tuple[str, str]:
    paths = []
    for seed, name in enumerate(("content.png", "style.png")):
        picture = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(seed))
        save_image(picture, tmp_path / name)
        paths.append(str(tmp_path / name))
    return paths[0], paths[1]


class PowerCutError(Exception):
    """Nothing that the engine knows."""


def at(number: int, what: type[BaseException] = PowerCutError):
    def watch(step):
        if step.number == number:
            raise what

    return watch


def always(path: Path, **more) -> Checkpoint:
    return Checkpoint(path, every=0.0, **more)


def kept_files(path: Path) -> list[Path]:
    """The checkpoint and whatever else is kept for it."""
    return [*path.parent.glob(path.name), *path.parent.glob(".nst*")]


def installed(folder: Path) -> tuple[dict[str, str], list[str]]:
    """The environment in which the command knows the tiny network, and the command."""
    site = install(folder / "site", "tiny-package", "tiny", "tiny")
    tests = str(Path(__file__).resolve().parents[2])
    own = [entry for entry in (os.environ.get("PYTHONPATH"),) if entry]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), tests, *own])}
    return environment, [sys.executable, "-c", "from nst_cli.main import main; main()"]


SETTINGS = {
    "lbfgs": {},
    "strong-wolfe": {"optimizer": "lbfgs:line_search=strong-wolfe"},
    "adam": {"optimizer": "adam:averaging=0.9"},
    "noise": {"preset": "noise", "seed": 3},
    "levels": {"levels": "20,30,56", "optimizer": "adam"},
    "levels-lbfgs": {"levels": "28,56"},
    "neighbours": {"levels": "20,30,56", "plugins": ["nn-style"]},
}


@pytest.mark.parametrize(
    ("chosen", "number"),
    [
        *itertools.product(SETTINGS, (2, 7)),
        ("levels", 19),
        ("levels", 25),
        ("levels-lbfgs", 19),
        ("neighbours", 19),
        ("neighbours", 25),
    ],
)
def test_a_crashed_run_goes_on_to_the_same_pixels(chosen, number, images, tmp_path):
    job = make_job(*images, session=Session(REGISTRY), **{**OPTIONS, "size": 56, **SETTINGS[chosen]})
    whole = run(job, session=Session(REGISTRY))
    kept = tmp_path / "run.ckpt"
    with pytest.raises(PowerCutError):
        run(job, session=Session(REGISTRY), observers=[at(number)], checkpoint=always(kept))
    seen: list[int] = []
    resumed = run(
        job, session=Session(REGISTRY), observers=[lambda step: seen.append(step.number)], checkpoint=always(kept)
    )
    assert seen[0] == number  # nothing that was finished is done again
    assert torch.equal(resumed.image, whole.image)
    assert resumed.history == whole.history
    assert [(s.size, s.evaluations, s.total) for s in resumed.levels] == [
        (s.size, s.evaluations, s.total) for s in whole.levels
    ]
    assert resumed.job == whole.job
    always(kept).finished()  # as the command does once the picture is saved
    assert not kept.exists()
    assert list(tmp_path.glob(".nst*")) == []


def test_a_run_in_tiles_goes_on_in_the_same_tiles(images, tmp_path):
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS, size=56)
    whole = run(job, session=Session(REGISTRY), resources=Resources(tile=45))
    kept = tmp_path / "run.ckpt"
    with pytest.raises(PowerCutError):
        run(job, session=Session(REGISTRY), resources=Resources(tile=45), observers=[at(5)], checkpoint=always(kept))
    assert torch.equal(run(job, session=Session(REGISTRY), checkpoint=always(kept)).image, whole.image)


@pytest.fixture
def crashed(images, tmp_path) -> Path:
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS)
    with pytest.raises(PowerCutError):
        run(job, session=Session(REGISTRY), observers=[at(9)], checkpoint=always(tmp_path / "run.ckpt"))
    return tmp_path / "run.ckpt"


def test_a_damaged_checkpoint_falls_back_to_the_one_before(crashed, images):
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS)
    content = bytearray(crashed.read_bytes())
    content[-100] ^= 1  # one bit of a tensor
    crashed.write_bytes(content)
    said: list[str] = []
    seen: list[int] = []
    resumed = run(
        job,
        session=Session(REGISTRY),
        observers=[lambda step: seen.append(step.number)],
        checkpoint=always(crashed, say=said.append),
    )
    assert seen[0] == 8  # one more than without the damage
    assert re.search(r"run.ckpt' is damaged.*continuing from the previous one", said[0])
    assert torch.equal(resumed.image, run(job, session=Session(REGISTRY)).image)


def test_a_checkpoint_that_is_missing_is_continued_from_the_one_before_and_said(crashed, images):
    crashed.unlink()
    said: list[str] = []
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS)
    run(job, session=Session(REGISTRY), checkpoint=always(crashed, say=said.append))
    assert re.search(r"run.ckpt' is missing; continuing from the previous one", said[0])


@pytest.mark.parametrize("spoil", [lambda p: p.write_bytes(p.read_bytes()[:1000]), lambda p: p.write_text("hello")])
def test_two_damaged_checkpoints_are_an_error(spoil, crashed, images):
    previous = Checkpoint(crashed).previous
    spoil(crashed)
    spoil(previous)
    with pytest.raises(
        CheckpointError, match=r"run.ckpt' is not a valid checkpoint: .*previous.*Delete it to start over"
    ):
        run(
            make_job(*images, session=Session(REGISTRY), **OPTIONS),
            session=Session(REGISTRY),
            checkpoint=always(crashed),
        )


def test_a_checkpoint_of_another_job_is_refused_with_the_difference(crashed, images):
    other = make_job(*images, session=Session(REGISTRY), **OPTIONS, style_weight=3e6, optimizer="adam")
    with pytest.raises(
        CheckpointError, match=r"belongs to another job: .*optimizer.name was lbfgs and is adam; .*weight was 1"
    ):
        run(other, session=Session(REGISTRY), checkpoint=always(crashed))
    assert crashed.exists()


def test_a_checkpoint_of_other_levels_is_refused(images, tmp_path):
    kept = tmp_path / "run.ckpt"
    job = make_job(*images, session=Session(REGISTRY), **{**OPTIONS, "levels": "20,30,56"})
    with pytest.raises(PowerCutError):
        run(job, session=Session(REGISTRY), observers=[at(23)], checkpoint=always(kept))
    other = make_job(*images, session=Session(REGISTRY), **OPTIONS, size=56, levels="off")
    with pytest.raises(CheckpointError, match=r"belongs to another job: levels\[0\] was 20 and is not set"):
        run(other, session=Session(REGISTRY), checkpoint=always(kept))
    # One that may be thrown away is no error: the run begins anew.
    thrown = run(other, session=Session(REGISTRY), checkpoint=always(kept, disposable=True))
    assert torch.equal(thrown.image, run(other, session=Session(REGISTRY)).image)


def test_a_disposable_checkpoint_of_another_job_is_ignored(crashed, images):
    other = make_job(*images, session=Session(REGISTRY), **OPTIONS, style_weight=3e6)
    found = run(other, session=Session(REGISTRY), checkpoint=always(crashed, disposable=True))
    assert torch.equal(found.image, run(other, session=Session(REGISTRY)).image)


def test_a_checkpoint_of_another_version_is_refused(crashed, images, monkeypatch):
    now = versions()
    monkeypatch.setattr("nst_core.engine.checkpoint.versions", lambda: {**now, "nst": "9.9"})
    with pytest.raises(CheckpointError, match=rf"by another version: nst was {re.escape(now['nst'])} and is 9.9"):
        run(
            make_job(*images, session=Session(REGISTRY), **OPTIONS),
            session=Session(REGISTRY),
            checkpoint=always(crashed),
        )


def test_a_changed_image_is_another_job(crashed, images):
    save_image(torch.zeros(1, 3, 40, 56), Path(images[1]))
    with pytest.raises(CheckpointError, match=r"styles\[0\].sha256 was"):
        run(
            make_job(*images, session=Session(REGISTRY), **OPTIONS),
            session=Session(REGISTRY),
            checkpoint=always(crashed),
        )


@pytest.fixture
def full(monkeypatch):
    """The numbers of attempts to write a checkpoint that find the disk full; all of them at first."""
    real, attempts, failing = save_file, itertools.count(1), set(range(1, 100))

    def save(tensors, path, metadata):
        if next(attempts) in failing:
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        real(tensors, path, metadata)

    monkeypatch.setattr("nst_core.engine.checkpoint.save_file", save)
    return failing


def test_a_full_disk_costs_neither_the_run_nor_the_old_file(crashed, images, full):
    before = crashed.read_bytes()
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS)
    notes: list[str] = []
    result = run(
        job,
        session=Session(REGISTRY),
        observers=[lambda step: notes.append(step.note)],
        checkpoint=always(crashed),
    )
    assert torch.equal(result.image, run(job, session=Session(REGISTRY)).image)
    assert result.stopped == "finished"
    (said,) = filter(None, notes)
    assert re.search(
        r"run.ckpt' cannot be written: .*No space left on device; the one before is kept\. The run cont", said
    )
    assert crashed.read_bytes() == before
    assert sorted(kept_files(crashed)) == sorted([crashed, always(crashed).previous])


def test_room_that_comes_and_goes(images, tmp_path, full):
    """Every trouble is said once; what was written meanwhile can be continued."""
    full.clear()
    full.update({1, 2, 5, 6, 7})
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS)
    kept, notes = tmp_path / "run.ckpt", {}
    with pytest.raises(PowerCutError):
        watch = [lambda step: notes.update({step.number: step.note}), at(9)]
        run(job, session=Session(REGISTRY), observers=watch, checkpoint=always(kept))
    assert [number for number, note in notes.items() if note] == [2, 6]
    assert "there is none before it to continue from" in notes[2]
    assert "the one before is kept" in notes[6]
    assert torch.equal(
        run(job, session=Session(REGISTRY), checkpoint=always(kept)).image, run(job, session=Session(REGISTRY)).image
    )


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
from nst_cli.main import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
@pytest.mark.once
def test_the_command_saves_the_picture_where_the_checkpoint_has_no_room(images, tmp_path):
    environment, _ = installed(tmp_path)
    out, kept = tmp_path / "out.png", tmp_path / "run.ckpt"
    more = ["-o", str(out), "--checkpoint", str(kept), "--checkpoint-every", "0s"]
    command = [sys.executable, "-c", LIMITED, "run", *images, "--extractor", "tiny", "--steps", "5", *more]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    assert load_image(out).pixels.shape == (1, 3, 40, 56)
    assert done.stderr.count("cannot be written") == 1
    assert "File too large" in done.stderr
    assert "there is none before it to continue from" in done.stderr
    assert kept_files(kept) == []


def test_two_runs_do_not_share_a_checkpoint(images, tmp_path):
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS)
    kept = tmp_path / "run.ckpt"
    first = Session(REGISTRY).run(job, checkpoint=always(kept))
    next(first)
    with pytest.raises(
        CheckpointError, match=r"another nst is writing the checkpoint '.*run.ckpt'; wait for it to end"
    ):
        Session(REGISTRY).run(job, checkpoint=always(kept))
    assert first.exhaust().stopped == "finished"
    following = Session(REGISTRY).run(job, checkpoint=always(kept))
    assert next(following).number == 14
    with pytest.raises(StopIteration):
        next(following)
    with always(kept).claimed():
        pass
    assert {path.suffix for path in kept_files(kept)} == {".ckpt", ".previous"}


def test_the_command_has_its_checkpoint_alone_until_the_picture_is_saved(nst, monkeypatch):
    from nst_core import Result

    def busy() -> bool:
        try:
            with always(Path("run.ckpt")).claimed():
                return False
        except CheckpointError:
            return True

    save, seen = Result.save, []

    def saved(self, *given, **more):
        seen.append(busy())
        save(self, *given, **more)

    monkeypatch.setattr(Result, "save", saved)
    assert nst("run", *SMALL, "-o", "out.png", "--checkpoint", "run.ckpt").code == 0
    assert (seen, busy()) == ([True], False)
    with always(Path("run.ckpt")).claimed():
        done = nst("run", *SMALL, "-o", "other.png", "--checkpoint", "run.ckpt")
    assert (done.code, done.out) == (2, "")
    assert "another nst is writing the checkpoint 'run.ckpt'" in done.err
    assert sorted(path.name for path in Path().iterdir()) == ["out.png", "painting.png", "photo.jpg"]


@pytest.mark.once
def test_kills_while_it_is_written_leave_nothing_for_ever(crashed, images):
    program = """
import os, sys
from pathlib import Path
from nst_core.engine import checkpoint

def cut(tensors, path, metadata):
    Path(path).write_bytes(b"half")
    os._exit(9)

checkpoint.save_file = cut
kept = checkpoint.Checkpoint(sys.argv[1]).read()
checkpoint.Checkpoint(sys.argv[1]).write(kept.job, kept.levels, kept.history, kept.state)
"""
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", program, str(crashed)]).returncode == 9
    assert len(kept_files(crashed)) == 3  # the last one, the one before, and half of one
    run(make_job(*images, session=Session(REGISTRY), **OPTIONS), session=Session(REGISTRY), checkpoint=always(crashed))
    always(crashed).finished()
    assert kept_files(crashed) == []


def test_a_place_that_cannot_be_written_to_is_said_before_the_work(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        Checkpoint(tmp_path / "nowhere" / "run.ckpt")


def test_ctrl_c_keeps_the_run(images, tmp_path, monkeypatch):
    """In the middle of an evaluation, long before a checkpoint is due."""
    job = make_job(*images, session=Session(REGISTRY), **OPTIONS)
    whole = run(job, session=Session(REGISTRY))

    evaluate, count = Problem.evaluate, 0

    def interrupted(*arguments, **more):
        nonlocal count
        count += 1
        if count == 6:
            raise KeyboardInterrupt
        return evaluate(*arguments, **more)

    kept = Checkpoint(tmp_path / "run.ckpt", every=1e6)
    with monkeypatch.context() as patch:
        patch.setattr(Problem, "evaluate", interrupted)
        assert run(job, session=Session(REGISTRY), checkpoint=kept).stopped == "cancelled"
    seen: list[int] = []
    resumed = run(job, session=Session(REGISTRY), observers=[lambda step: seen.append(step.number)], checkpoint=kept)
    assert seen[0] == 6
    assert torch.equal(resumed.image, whole.image)


@pytest.mark.once
def test_the_command_resumes_after_a_kill(images, tmp_path):
    """nst run is killed in the middle; nst resume makes the picture that it would have made."""
    environment, command = installed(tmp_path)
    arguments = [*images, "--extractor", "tiny", "--steps", "400", "--device", "cpu", "-q"]
    whole, out, kept = tmp_path / "whole.png", tmp_path / "out.png", tmp_path / "run.ckpt"
    subprocess.run([*command, "run", *arguments, "-o", str(whole)], check=True, env=environment)
    more = ["-o", str(out), "--checkpoint", str(kept), "--checkpoint-every", "0s"]
    with subprocess.Popen([*command, "run", *arguments, *more], env=environment) as process:
        while not kept.exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    if not kept.exists():  # killed between the two renames
        assert Checkpoint(kept).previous.exists()
    subprocess.run([*command, "resume", str(kept), "-q"], check=True, env=environment)
    assert torch.equal(load_image(out).pixels, load_image(whole).pixels)
    assert kept_files(kept) == []  # the picture is saved, so nothing is left behind


@pytest.fixture
def stopped(nst, monkeypatch):
    """`nst run` with some arguments, kept in `run.ckpt`, interrupted in the third evaluation."""

    def run(*arguments: str) -> None:
        evaluate, calls = Problem.evaluate, []

        def interrupted(*given, **more):
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return evaluate(*given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Problem, "evaluate", interrupted)
            assert nst("run", *SMALL, *arguments, "--checkpoint", "run.ckpt").code == 130

    return run


def test_a_resumed_run_leaves_what_it_would_have_left_wherever_it_is_resumed(nst, stopped, monkeypatch):
    whole = ("--bits", "16", "--save-recipe", "r.toml")
    assert nst("run", *SMALL, *whole, "-o", "whole.png").code == 0
    recipe = Path("r.toml").read_text()
    stopped(*whole, "-o", "out.png")
    Path("r.toml").unlink()
    work = Path.cwd()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    done = nst("resume", "../run.ckpt", "-q")
    assert (done.code, done.out) == (0, f"{work / 'out.png'}\n")
    assert (work / "out.png").read_bytes()[24] == 16
    assert torch.equal(load_image(work / "out.png").pixels, load_image(work / "whole.png").pixels)
    assert Job.from_toml((work / "r.toml").read_text()) == Job.from_toml(recipe)
    assert Path.cwd() == work / "elsewhere"
    assert list(Path().iterdir()) == []


def test_what_is_said_to_resume_comes_first(nst, stopped, monkeypatch):
    stopped("--bits", "16", "-o", "out.png")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert "JPEG cannot be written with 16 bits" in nst("resume", "../run.ckpt", "-o", "here.jpg").err
    assert nst("resume", "../run.ckpt", "-o", "here.jpg", "--bits", "8").code == 0
    assert [path.name for path in Path().iterdir()] == ["here.jpg"]


def test_a_resumed_run_overwrites_no_picture_but_its_own(nst, stopped):
    stopped()
    assert nst("resume", "run.ckpt", "-q").out == f"{Path('photo-painting.png').absolute()}\n"
    stopped()
    Path("photo-painting-2.png").write_text("the picture of another run")
    assert nst("resume", "run.ckpt", "-q").out == f"{Path('photo-painting-3.png').absolute()}\n"
    assert Path("photo-painting-2.png").read_text() == "the picture of another run"


def test_what_cannot_be_resumed(nst, tmp_path):
    result = nst("resume", str(tmp_path / "nothing.ckpt"))
    assert result.code == 2
    assert "does not exist; create it first" in result.err
