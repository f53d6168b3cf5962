"""The frames of a timelapse."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_core import ImageError, Problem, load_image, save_image

RUN = ("run", "photo.jpg", "painting.png", "--extractor", "tiny", "--precision", "fp32", "-o", "o.png")
LEVELS = ("--size", "32", "--levels", "16,24,32", "--steps", "8")  # 8, 5 and 4 evaluations
FRAMES = ("--frames", "frames", "--frames-every", "3")


def frames() -> dict[str, torch.Tensor]:
    return {path.name: load_image(path).pixels for path in sorted(Path("frames").iterdir())}


def names(count: int) -> list[str]:
    return [f"{number:05d}.png" for number in range(1, count + 1)]


def test_frames_have_the_final_size_and_no_gap_over_all_levels(nst):
    """And the last one is the picture."""
    assert nst(*RUN, *LEVELS, *FRAMES).code == 0
    found = frames()
    assert list(found) == names(6)
    assert {image.shape for image in found.values()} == {(1, 3, 24, 32)}
    assert torch.equal(found["00006.png"], load_image("o.png").pixels)


def test_a_frame_is_the_best_image_so_far(nst):
    """Steps that are far too long make every later image worse than the first."""
    worse = ("--size", "32", "--steps", "4", "--optimizer", "adam:learning_rate=0.9")
    assert nst(*RUN, *worse, "--frames", "frames", "--frames-every", "1").code == 0
    first, *others = frames().values()
    assert len(others) == 3
    assert all(torch.equal(image, first) for image in others)


@pytest.mark.parametrize("stopped_at", [7, 12])
def test_a_run_that_goes_on_leaves_the_frames_of_one_that_was_not_interrupted(nst, monkeypatch, stopped_at):
    evaluate, calls = Problem.evaluate, []

    def stopping(*arguments, **more):
        calls.append(1)
        if len(calls) == stopped_at:
            raise KeyboardInterrupt
        return evaluate(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Problem, "evaluate", stopping)
        assert nst(*RUN, *LEVELS, *FRAMES, "--checkpoint", "r.ckpt", "--checkpoint-every", "0s").code == 130
    broken_off = list(frames())
    assert broken_off == names(-(-(stopped_at - 1) // 3))
    assert nst("resume", "r.ckpt").code == 0
    resumed = frames()
    for path in Path("frames").iterdir():
        path.unlink()
    assert nst(*RUN, *LEVELS, *FRAMES).code == 0
    whole = frames()
    assert list(resumed) == list(whole) == names(6)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_frames_that_a_killed_process_left_after_the_last_one_go(nst, monkeypatch):
    evaluate, calls = Problem.evaluate, []

    def stopping(*arguments, **more):
        calls.append(1)
        if len(calls) in (4, 6):
            raise KeyboardInterrupt
        return evaluate(*arguments, **more)

    monkeypatch.setattr(Problem, "evaluate", stopping)
    assert nst(*RUN, *LEVELS, *FRAMES, "--checkpoint", "r.ckpt", "--checkpoint-every", "0s").code == 130
    for name in ("00002.png", "00003.png", "mine.png"):
        save_image(torch.rand(3, 8, 8), Path("frames", name))
    assert nst("resume", "r.ckpt").code == 130
    assert list(frames()) == [*names(2), "mine.png"]
    assert frames()["00002.png"].shape == (1, 3, 24, 32)


def test_frames_of_two_runs_are_not_mixed(nst):
    assert nst(*RUN, "--size", "32", "--steps", "4", *FRAMES).code == 0
    before = frames()
    done = nst(*RUN, "--size", "32", "--steps", "4", *FRAMES)
    assert (done.code, done.out) == (2, "")
    assert "the folder 'frames' has frames of another run ('00001.png'); remove them or choose another" in done.err
    assert list(frames()) == list(before)


def test_a_frame_that_cannot_be_written_ends_the_sequence_and_not_the_run(nst, monkeypatch):
    from nst_core import images

    save = images.save_image

    def full(pixels, path, **options):
        if Path(path).name == "00002.png":
            raise ImageError("no space left")
        save(pixels, path, **options)

    monkeypatch.setattr(images, "save_image", full)
    done = nst(*RUN, "--size", "32", "--steps", "9", *FRAMES)
    assert (done.code, done.out) == (0, "o.png\n")
    assert done.err.count("no frames from number 2 on: no space left") == 1
    assert list(frames()) == names(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--frames-every", "2"), "--frames-every needs --frames FOLDER"),
        (("--frames", "f", "--frames-every", "0"), "--frames-every must be at least 1, not 0"),
        (("--frames", "no/f"), "the folder 'no' does not exist; create it first"),
        (("--frames", "f", "--optimizer", "adam:learning_rate=-1"), "learning_rate must be"),
        (("--frames", "photo.jpg"), "frames need a folder, and 'photo.jpg' is a file"),
    ],
)
def test_bad_options_are_explained_before_any_work(nst, options, message):
    done = nst(*RUN, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not Path("f").exists()


@pytest.mark.parametrize("command", [("reconstruct", "photo.jpg", "--layer", "b"), ("texture", "painting.png")])
def test_every_command_that_makes_one_picture_has_frames(nst, command):
    small = ("--extractor", "tiny", "--size", "32", "--steps", "6", "-o", "o.png")
    assert nst(*command, *small, *FRAMES).code == 0
    assert list(frames()) == names(2)
