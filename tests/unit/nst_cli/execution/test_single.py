"""The files that a command leaves: their names, no file of the job among them, and a result that is never lost."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from nst_core import ImageError, Problem, Result, Run, load_image, save_image
from nst_core.files import companion

SMALL = ("--extractor", "tiny", "--steps", "4", "--size", "32", "--precision", "fp32")


def test_a_default_name_never_overwrites(nst):
    names = [nst("run", "photo.jpg", "painting.png", *SMALL, "-q").out for _ in range(3)]
    assert names == ["photo-painting.png\n", "photo-painting-2.png\n", "photo-painting-3.png\n"]


def test_a_default_name_that_another_run_took_meanwhile_gets_a_number(nst, monkeypatch):
    exhaust = Run.exhaust

    def slower(*arguments, **options):
        result = exhaust(*arguments, **options)
        Path("photo-painting.png").write_text("the picture of another run")
        return result

    monkeypatch.setattr(Run, "exhaust", slower)
    done = nst("run", "photo.jpg", "painting.png", *SMALL)
    assert (done.code, done.out) == (0, "photo-painting-2.png\n")
    assert Path("photo-painting.png").read_text() == "the picture of another run"
    assert load_image("photo-painting-2.png").pixels.shape == (1, 3, 24, 32)


def test_a_default_name_is_cut_to_fit(nst):
    Path("photo.jpg").rename("ä" * 100 + ".jpg")
    Path("painting.png").rename("b" * 200 + ".png")
    names = [nst("run", "ä" * 100 + ".jpg", "b" * 200 + ".png", *SMALL, "-q").out.strip() for _ in range(2)]
    assert names == ["ä" * 100 + "-" + "b" * 50 + ".png", "ä" * 100 + "-" + "b" * 48 + "-2.png"]
    assert all(load_image(name).pixels.shape == (1, 3, 24, 32) for name in names)


def test_a_name_as_long_as_the_file_system_allows_serves_all_files_of_a_run(nst):
    name, kept, frames = "n" * 251 + ".png", "c" * 255, "f" * 255
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "-o", name, "--frames", frames, "--checkpoint", kept)
    assert (done.code, done.out) == (0, f"{name}\n")
    assert sorted(p.name for p in Path().glob("n*")) == [name]
    assert [p.name for p in Path(frames).iterdir()] == ["00001.png"]
    assert not list(Path().glob("*c" * 20)) + list(Path().glob(".nst*"))


@pytest.mark.parametrize(
    "option",
    [
        ("-o", "n" * 252 + ".png"),
        ("-o", "ä" * 126 + ".png"),
        ("-o", "n" * 256 + "/o.png"),
        ("--save-recipe", "n" * 251 + ".toml"),
        ("--checkpoint", "n" * 256),
    ],
)
def test_a_name_that_is_too_long_is_refused_before_any_work(nst, monkeypatch, option):
    monkeypatch.setattr(Problem, "evaluate", lambda *_, **__: pytest.fail("began to work"))
    done = nst("run", "photo.jpg", "painting.png", *SMALL, *option)
    assert (done.code, done.out) == (2, "")
    assert "256 bytes, and at most 255 are allowed; choose a shorter one" in done.err
    assert "Traceback" not in done.err
    assert sorted(p.name for p in Path().iterdir()) == ["painting.png", "photo.jpg"]


def _full_disk(monkeypatch, *names):
    """Let writing images fail where a file's name has one of these in it."""
    from nst_core.images import write

    original = write.atomic_write

    @contextmanager
    def fail(target):
        with original(target) as temporary:
            yield temporary
            if any(name in target.name for name in names):
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "atomic_write", fail)


def test_a_result_that_cannot_be_written_is_not_lost(nst, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _full_disk(monkeypatch, "out.jpg")
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "-o", "out.jpg")
    assert done.code == 2
    assert "No space left" in done.err
    (rescued,) = re.findall(r"was saved to '(.*)'", done.err)
    assert load_image(rescued).pixels.shape == (1, 3, 24, 32)
    assert not Path("out.jpg").exists()


def test_a_result_is_rescued_whatever_its_name_and_wherever_there_is_room(nst, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no such folder"))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    name = "n" * 251 + ".png"
    _full_disk(monkeypatch, name)
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "-o", name, "--bits", "16")
    assert done.code == 2
    (rescued,) = re.findall(r"was saved to '(.*)'", done.err)
    assert Path(rescued).is_relative_to(home)
    assert Path(rescued).read_bytes()[24] == 16


def test_a_result_that_cannot_be_saved_anywhere_is_an_error_and_the_checkpoint_stays(nst, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _full_disk(monkeypatch, ".png")
    kept = ("--checkpoint", "run.ckpt", "--checkpoint-every", "0s")
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "-o", "out.png", *kept)
    assert (done.code, done.out) == (2, "")
    assert "No space left on device. Nor could the result be saved in any other folder" in done.err
    assert Path("run.ckpt").exists()
    assert not list(Path().glob("nst-*"))


def test_a_name_is_not_taken_for_a_result_that_cannot_be_written(nst, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    save, places = Result.save, []

    def fails_once(self, path, **options):
        places.append(Path(path))
        if len(places) == 1:
            raise ImageError("no space")
        save(self, path, **options)

    monkeypatch.setattr(Result, "save", fails_once)
    assert nst("run", "photo.jpg", "painting.png", *SMALL).code == 2
    assert [place.exists() for place in places] == [False, True]


def _itself(name: str) -> str:
    return name


def _symbolic(name: str) -> str:
    Path("link.png").symlink_to(name)
    return "link.png"


def _hard(name: str) -> str:
    Path("link.png").hardlink_to(name)
    return "link.png"


@pytest.mark.parametrize("link", [_itself, _symbolic, _hard])
@pytest.mark.parametrize(
    ("role", "name"), [("style image", "painting.png"), ("initial image", "start.png")], ids=["style", "init"]
)
def test_no_file_of_the_job_is_overwritten(nst, link, role, name):
    save_image(torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(2)), "start.png")
    job = ("photo.jpg", "painting.png", *SMALL, "--init", "image:path=start.png")
    output, before = link(name), Path(name).read_bytes()
    done = nst("run", *job, "-o", output)
    assert (done.code, done.out) == (2, "")
    assert f"the result would overwrite the {role} '{name}'; choose another name for the result" in done.err
    done = nst("run", *job, "-o", "o.png", "--checkpoint", output)
    assert (done.code, done.out) == (2, "")
    assert f"the checkpoint would overwrite the {role} '{name}'" in done.err
    previous = companion(Path("run.ckpt"), "previous")
    Path(output).rename(previous)
    if output != name:
        done = nst("run", *job, "-o", "o.png", "--checkpoint", "run.ckpt")
        assert (done.code, done.out) == (2, "")
        assert f"the checkpoint would overwrite the {role} '{name}'" in done.err
    previous.rename(output)
    assert Path(name).read_bytes() == before
