"""``nst video`` and ``nst resume`` of a clip, as people use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clip_orders import moving_clip
from clips import make_clip as make_sounding_clip

from nst_core.video import production
from nst_core.video.reading import ClipSource

SMALL = ("--extractor", "tiny", "--preset", "content", "--steps", "4", "--frame-steps", "2", "--size", "48")
QUICK = (*SMALL, "--precision", "fp32")


@pytest.fixture
def clip(nst) -> Path:
    return moving_clip(Path("walk.mkv"), 4)


def test_a_clip_is_painted_and_its_path_printed(nst, clip):
    done = nst("video", "walk.mkv", "painting.png", *QUICK)
    assert (done.code, done.out) == (0, "walk-painting.mp4\n")
    assert "frame 1/4" in done.err
    assert len(list(ClipSource("walk-painting.mp4").frames())) == 4
    assert nst("video", "walk.mkv", "painting.png", *QUICK, "-q").out == "walk-painting-2.mp4\n"


def test_json_tells_what_was_made(nst, clip):
    told = json.loads(nst("video", "walk.mkv", "painting.png", *QUICK, "-o", "o.mkv", "--json").out)
    assert told["frames"] == 4
    assert told["evaluations"] == 4 + 3 * 2
    assert told["evaluations_a_frame"] == 2
    assert (told["width"], told["height"]) == (48, 32)


def test_an_interrupted_clip_goes_on_by_the_same_command_or_resume(nst, clip, monkeypatch):
    nst("video", "walk.mkv", "painting.png", *QUICK, "-o", "whole.mkv", "--lossless")
    record = production._record
    count = []

    def interrupted(frame, painted):
        count.append(1)
        if len(count) == 3:
            raise KeyboardInterrupt
        return record(frame, painted)

    monkeypatch.setattr(production, "_record", interrupted)
    done = nst("video", "walk.mkv", "painting.png", *QUICK, "-o", "o.mkv", "--lossless")
    assert done.code == 130
    assert "to continue: nst resume o.frames" in done.err
    assert not Path("o.mkv").exists()
    assert nst("resume", "o.frames").code == 0
    assert Path("o.mkv").read_bytes() == Path("whole.mkv").read_bytes()


def test_a_preview_is_small_and_has_few_frames(nst):
    moving_clip(Path("walk.mkv"), 6, size=(288, 512))
    done = nst("video", "walk.mkv", "painting.png", "--extractor", "tiny", "--steps", "2", "--preview", "--json")
    told = json.loads(done.out)
    assert told["frames"] == 3  # 5 of 10 a second
    assert told["width"] == 256


def test_the_plan_is_shown_without_painting(nst, clip):
    done = nst("video", "walk.mkv", "painting.png", *QUICK, "--dry-run", "--json")
    told = json.loads(done.out)
    assert told["frames"] == 4
    assert told["seconds"] > 0
    assert not list(Path().glob("*.mp4"))
    assert "4 frames of 48×32" in nst("video", "walk.mkv", "painting.png", *QUICK, "--dry-run").out


def test_all_clips_of_a_folder_are_painted_by_workers(nst):
    Path("clips").mkdir()
    for name in ("a", "b"):
        moving_clip(Path("clips") / f"{name}.mkv", 2)
    done = nst("video", "clips", "painting.png", *QUICK, "-o", "out")
    assert done.code == 0
    assert sorted(done.out.split()) == ["out/a-painting.mp4", "out/b-painting.mp4"]
    again = nst("video", "clips/*.mkv", "painting.png", *QUICK, "-o", "out")
    assert (again.code, again.out) == (0, "")
    assert "out/a-painting.mp4 is there already" in again.err


def test_a_clip_that_fails_is_said_so_and_the_others_are_painted(nst):
    Path("clips").mkdir()
    moving_clip(Path("clips/a.mkv"), 2)
    Path("clips/b.mkv").write_bytes(b"nothing")
    done = nst("video", "clips", "painting.png", *QUICK, "-o", "out")
    assert done.code == 1
    assert done.out == "out/a-painting.mp4\n"
    assert "clips/b.mkv FAILED" in done.err


def test_numbered_pictures_are_a_clip(nst):
    from nst_core import load_image, save_image

    Path("shots").mkdir()
    for number in (1, 2, 10):
        save_image(load_image("sample:landscape", size=40).pixels, f"shots/{number}.png")
    told = json.loads(nst("video", "shots", "painting.png", *QUICK, "--json", "-o", "frames").out)
    assert (told["frames"], told["repeated"]) == (3, 2)
    assert len(list(Path("frames").glob("frame-*.png"))) == 3


def test_temporal_losses_can_be_chosen(nst, clip):
    done = nst("video", "walk.mkv", "painting.png", *QUICK, "-o", "frames", "--plugin", "mse-temporal:weight=7")
    assert done.code == 0
    terms = json.loads(Path("frames/clip.json").read_text())["order"]["job"]["terms"]
    assert [term["weight"] for term in terms if term["loss"] == "mse-temporal"] == [7.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("walk.mkv",), "name a painting, too"),
        (("none.mp4", "painting.png"), "'none.mp4' does not exist"),
        (("painting.png", "painting.png"), "nst run"),
        (("*.nothing", "painting.png"), "no clip matches"),
        (("walk.mkv", "painting.png", "-o", "walk.mkv"), "overwrite the clip"),
        (("walk.mkv", "painting.png", "-o", "o.xyz"), "use .mp4"),
        (("walk.mkv", "painting.png", "--consistency", "2"), "consistency must be from 0 to 1"),
        (("walk.mkv", "painting.png", "--frame-steps", "0"), "at least 1 evaluation"),
        (("walk.mkv", "painting.png", "--start", "9"), "9"),
        (("walk.mkv", "painting.png", "--codec", "nonsense"), "nonsense"),
        (("walk.mkv", "painting.png", "--crf", "99"), "99"),
        (("walk.mkv", "painting.png", "-o", "o.webm", "--lossless"), "lossless"),
    ],
)
def test_bad_input_is_one_clear_line(nst, clip, arguments, message):
    done = nst("video", *QUICK, *arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not [path for path in Path().iterdir() if path.suffix in (".mp4", ".frames")]


def test_sound_alone_is_no_clip(nst):
    from clips import make_sound

    make_sound(Path("talk.m4a"))
    done = nst("video", "talk.m4a", "painting.png", *QUICK)
    assert done.code == 2
    assert "talk.m4a" in done.err


def test_sound_is_copied(nst):
    make_sounding_clip(Path("loud.mp4"), 3, sound=0.3)
    assert nst("video", "loud.mp4", "painting.png", *QUICK, "-o", "o.mp4").code == 0
    assert ClipSource("o.mp4").info.has_sound


def test_a_folder_without_a_clip_cannot_be_resumed(nst):
    Path("empty").mkdir()
    done = nst("resume", "empty")
    assert done.code == 2
    assert "holds no clip that was begun" in done.err


def test_a_preview_and_a_plan_take_moving_masks(nst, clip):
    moving_clip(Path("mask.mkv"), 4)
    for option in ("--preview", "--dry-run"):
        assert nst("video", "walk.mkv", "painting.png", *QUICK, "--keep", "mask.mkv", option).code == 0


def test_previews_do_not_take_the_place_of_the_clip(nst, clip):
    assert nst("video", "walk.mkv", "painting.png", *QUICK, "--preview").out == "walk-painting-preview.mp4\n"
    assert nst("video", "walk.mkv", "painting.png", *QUICK).out == "walk-painting.mp4\n"


def test_clips_of_one_name_keep_apart(nst):
    for folder in ("x", "y"):
        Path("clips", folder).mkdir(parents=True)
        moving_clip(Path("clips", folder, "a.mkv"), 1)
    done = nst("video", "clips/**/*.mkv", "painting.png", *QUICK, "-o", "out")
    assert done.out.split() == ["out/x-a-painting.mp4", "out/y-a-painting.mp4"]


def test_a_clip_is_resumed_into_what_it_was_meant_for(nst, clip):
    assert nst("video", "walk.mkv", "painting.png", *QUICK, "-o", "frames").code == 0
    assert nst("resume", "frames", "-o", "o.mp4").code == 0
    assert Path("o.mp4").exists()
    assert len(list(Path("frames").glob("frame-*.png"))) == 4
    done = nst("resume", "frames", "-o", "walk.mkv")
    assert done.code == 2
    assert "overwrite the clip" in done.err
    assert nst("video", "walk.mkv", "painting.png", *QUICK, "-o", "p.mp4", "--keep-frames").code == 0
    assert nst("resume", "p.frames", "-o", "folder").code == 2


def test_several_clips_need_a_folder(nst):
    Path("clips").mkdir()
    moving_clip(Path("clips/a.mkv"), 1)
    done = nst("video", "clips", "painting.png", *QUICK, "-o", "out.mp4")
    assert done.code == 2
    assert "several clips need a folder" in done.err
    assert nst("video", "clips", "painting.png", *QUICK, "-o", "out", "--dry-run").code == 0
    assert not Path("out").exists()
