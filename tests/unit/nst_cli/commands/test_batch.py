"""nst batch: folders and lists of photographs to pictures that are named after them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

from nst_core import Job, load_image, save_image
from nst_core.images import read_recipe

SMALL = ("--extractor", "tiny", "--steps", "3", "--size", "32", "--precision", "fp32")


def picture(seed: int) -> torch.Tensor:
    return torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def batch(nst):
    """Run ``nst batch`` where there are photos/{beach,hill}.png and paintings/{night,waves}.png."""
    for number, name in enumerate(("photos/beach", "photos/hill", "paintings/night", "paintings/waves")):
        Path(name).parent.mkdir(exist_ok=True)
        save_image(picture(number), f"{name}.png")
    return lambda *arguments: nst("batch", *arguments, *SMALL)


def table(folder: str) -> dict[str, dict[str, str]]:
    with Path(folder, "index.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def statuses(folder: str) -> dict[str, str]:
    return {name: row["status"] for name, row in table(folder).items()}


def test_every_photograph_with_every_painting_named_after_both(batch):
    done = batch("photos", "--styles", "paintings/night.png", "paintings/waves.png", "-o", "out")
    assert (done.code, done.out) == (0, f"{Path('out/report.html')}\n")
    names = ["beach-night.png", "beach-waves.png", "hill-night.png", "hill-waves.png"]
    assert statuses("out") == dict.fromkeys(names, "done")
    assert sorted(path.name for path in Path("out").glob("*.png")) == names
    row = table("out")["beach-waves.png"]
    assert (row["content"], row["style"]) == (str(Path("photos/beach.png")), "paintings/waves.png")
    assert (row["evaluations"], row["error"]) == ("3", "")
    recipe = Job.from_toml(read_recipe("out/beach-waves.png"))
    assert (recipe.content.path, recipe.styles[0].path) == ("beach.png", "waves.png")
    cell = Path("out/cells", row["key"][:16], "image.png")
    assert Path("out/beach-waves.png").read_bytes() == cell.read_bytes()


def test_again_makes_what_is_new_and_nothing_else(batch):
    batch("photos", "--styles", "paintings/night.png", "-o", "out")
    save_image(picture(9), "photos/lake.png")
    Path("out/hill-night.png").unlink()
    before = Path("out/beach-night.png").stat()
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out")
    assert "3 different cells, 2 already finished" in done.err
    assert statuses("out") == {"beach-night.png": "cached", "hill-night.png": "cached", "lake-night.png": "done"}
    assert Path("out/hill-night.png").exists()
    assert Path("out/beach-night.png").stat().st_mtime_ns == before.st_mtime_ns


def test_a_picture_with_other_options_takes_the_name(batch):
    batch("photos/beach.png", "--styles", "paintings/night.png", "-o", "out", "--seed", "1", "--preset", "noise")
    first = load_image("out/beach-night.png").pixels
    batch("photos/beach.png", "--styles", "paintings/night.png", "-o", "out", "--seed", "2", "--preset", "noise")
    assert not torch.equal(load_image("out/beach-night.png").pixels, first)
    assert len(list(Path("out/cells").iterdir())) == 2


def test_earlier_pictures_stay_in_the_table(batch):
    batch("photos/beach.png", "--styles", "paintings", "-o", "out")
    batch("photos/hill.png", "--styles", "paintings/night.png", "-o", "out")
    assert list(statuses("out")) == ["hill-night.png", "beach-night.png", "beach-waves.png"]


def test_what_is_no_image_is_skipped_and_named_and_a_broken_one_stops_no_other(batch):
    Path("photos/notes.txt").write_text("hello")
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out")
    assert done.code == 0
    assert f"skipped: '{Path('photos/notes.txt')}' is not an image" in done.err
    Path("photos/broken.jpg").write_text("no picture")
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out", "--json")
    assert done.code == 1
    assert statuses("out") == {"beach-night.png": "cached", "broken-night.png": "failed", "hill-night.png": "cached"}
    assert "broken.jpg' is not an image" in table("out")["broken-night.png"]["error"]
    told = json.loads(done.out)
    assert told["skipped"] == [f"'{Path('photos/notes.txt')}' is not an image"]
    assert [(cell["name"], cell["status"]) for cell in told["cells"]] == [*statuses("out").items()]
    assert told["index"] == str(Path("out/index.csv"))


def test_pairs_are_first_with_first(batch):
    assert batch("photos", "--pair", "--styles", "paintings", "-o", "out").code == 0
    assert list(statuses("out")) == ["beach-night.png", "hill-waves.png"]


def test_folders_of_folders_patterns_and_equal_names(batch):
    Path("photos/deep").mkdir()
    shutil.copy("photos/hill.png", "photos/deep/beach.png")
    done = batch("photos", "photos/*.png", "--recursive", "--styles", "paintings/n*.png", "-o", "out", "--json")
    assert list(statuses("out")) == ["beach-night.png", "beach-night-2.png", "hill-night.png"]
    by_name = {cell["name"]: cell["key"] for cell in json.loads(done.out)["cells"]}
    assert by_name["beach-night-2.png"] == by_name["hill-night.png"] != by_name["beach-night.png"]
    assert Path("out/beach-night-2.png").read_bytes() == Path("out/hill-night.png").read_bytes()
    assert len(list(Path("out/cells").iterdir())) == 2


def test_a_new_photograph_takes_no_name_of_another(batch):
    batch("photos", "--recursive", "--styles", "paintings/night.png", "-o", "out")
    before = Path("out/beach-night.png").read_bytes()
    Path("photos/abroad").mkdir()
    save_image(picture(8), "photos/abroad/beach.png")
    batch("photos", "--recursive", "--styles", "paintings/night.png", "-o", "out")
    assert Path("out/beach-night.png").read_bytes() == before
    assert table("out")["beach-night-2.png"]["content"] == str(Path("photos/abroad/beach.png"))


def test_a_template_names_the_pictures(batch):
    template = "{number:02} {content} after {style}, {preset} {seed}"
    batch(
        "photos", "--styles", "paintings/night.png", "-o", "out", "--name", template, "--preset", "noise", "--seed", "5"
    )
    assert list(statuses("out")) == ["01 beach after night, noise 5.png", "02 hill after night, noise 5.png"]


def test_a_list_of_jobs_with_options_of_their_own(batch):
    Path("lists").mkdir()
    shutil.copy("photos/beach.png", "lists/near.png")
    Path("lists/jobs.csv").write_text(
        "content,style,seed,steps,blend\n"
        "near.png,paintings/night.png,3,2,\n"
        "photos/hill.png,paintings/night.png;paintings/waves.png,,,0.75+0.25\n"
        "none.png,paintings/night.png,,,\n"
    )
    done = batch("--jobs", "lists/jobs.csv", "-o", "out", "--preset", "noise", "--seed", "8", "--json")
    assert done.code == 1
    assert statuses("out") == {"near-night.png": "done", "hill-night+waves.png": "done", "none-night.png": "failed"}
    first, second, _ = (Job.from_dict(cell["job"]) for cell in json.loads(done.out)["cells"])
    assert (first.seed, first.steps, first.content.path) == (3, 2, str(Path("lists/near.png")))
    assert (second.seed, second.steps, second.blend) == (8, 3, (0.75, 0.25))


def test_a_recipe_gives_options_and_paintings(batch, nst):
    nst("run", "photo.jpg", "painting.png", *SMALL, "--seed", "6", "--save-recipe", "mine.toml", "-o", "x.png")
    assert batch("photos", "--recipe", "mine.toml", "-o", "out", "--name", "{content} {preset} {seed}").code == 0
    assert list(statuses("out")) == ["beach mine 6.png", "hill mine 6.png"]
    Path("jobs.toml").write_text('[[jobs]]\ncontent = "photos/hill.png"\nseed = 9\n')
    assert batch("--jobs", "jobs.toml", "--recipe", "mine.toml", "-o", "more", "--name", "{style} {seed}").code == 0
    assert list(statuses("more")) == ["painting 9.png"]


def test_a_dry_run_says_how_many_how_long_and_how_much(batch):
    batch("photos/beach.png", "--styles", "paintings/night.png", "-o", "out")
    before = sorted(path for path in Path().rglob("*"))
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out", "--dry-run")
    assert done.code == 0
    assert done.out.startswith("beach-night.png  cached\nhill-night.png  missing\npictures  2: 1 to make, 1 finished\n")
    assert "time      about " in done.out
    assert "at the peak" in done.out
    Path("photos/broken.jpg").write_text("no picture")
    done = batch("photos", "--styles", "paintings/night.png", "-o", "new", "--dry-run", "--json")
    assert done.code == 1
    told = json.loads(done.out)
    assert [cell["status"] for cell in told["pictures"]] == ["missing", "failed", "missing"]
    assert (told["missing"], told["cached"], told["fits"]) == (2, 0, True)
    assert told["seconds"] > 0
    assert told["bytes"] > 0
    Path("photos/broken.jpg").unlink()
    assert sorted(path for path in Path().rglob("*")) == before


def test_pictures_have_their_names_before_the_batch_ends(batch, monkeypatch):
    from nst_core.experiments import work as engine

    measure, calls = engine.evaluate_image, []

    def interrupted(*arguments, **more):
        calls.append(1)
        if len(calls) == 2:
            assert statuses("out") == {"beach-night.png": "done", "hill-night.png": "missing"}
            assert Path("out/beach-night.png").exists()
            raise KeyboardInterrupt
        return measure(*arguments, **more)

    monkeypatch.setattr(engine, "evaluate_image", interrupted)
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out")
    assert done.code == 130
    assert statuses("out") == {"beach-night.png": "done", "hill-night.png": "missing"}
    assert batch("photos", "--styles", "paintings/night.png", "-o", "out").code == 0
    assert statuses("out") == {"beach-night.png": "cached", "hill-night.png": "done"}


def test_results_in_a_folder_of_photographs_are_no_photographs(batch):
    for status in ("done", "cached"):
        done = batch("photos", "--recursive", "--styles", "paintings/night.png", "-o", "photos")
        assert done.code == 0
        assert statuses("photos") == {"beach-night.png": status, "hill-night.png": status}


def test_no_photograph_is_written_over(batch):
    Path("beach-night.png").write_bytes(b"mine")
    done = batch("photos", "--styles", "paintings/night.png", "-o", ".")
    assert done.code == 2
    assert "'beach-night.png' exists and is not a result of this batch" in done.err
    assert Path("beach-night.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name photographs, or a list of jobs: nst batch CONTENT --styles STYLE"),
        (("photos",), "name paintings, too: nst batch CONTENT --styles STYLE"),
        (("photos", "--styles", "empty"), "there is no style image in 'empty'"),
        (("none.jpg", "--styles", "paintings"), "the content image or folder 'none.jpg' does not exist"),
        (("photos", "--pair", "--styles", "paintings/night.png"), "not 2 and 1"),
        (("photos", "--styles", "paintings", "--name", "{painter}"), "unknown field of a name 'painter'"),
        (("photos", "--jobs", "jobs.csv"), "a list of jobs names all images"),
        (("--jobs", "jobs.csv"), "'jobs.csv', line 2: a job needs a content and a style"),
        (("--jobs", "options.csv"), "'options.csv', line 2: unknown preset 'noize'; did you mean 'noise'"),
        (("photos", "--styles", "paintings", "--blend", "1,2"), "2 blend weights are given for 1 style images"),
    ],
)
def test_bad_input_is_refused_before_any_work(batch, arguments, message):
    Path("empty").mkdir()
    Path("jobs.csv").write_text("content,style\nphotos/beach.png,\n")
    Path("options.csv").write_text("content,style,preset\nphotos/beach.png,paintings/night.png,noize\n")
    done = batch(*arguments, "-o", "out")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not Path("out").exists()


def test_two_at_a_time_give_the_pictures_of_one_at_a_time(batch):
    both = ("photos", "--styles", "paintings")
    assert batch(*both, "-o", "one", "--threads", "1").code == 0
    done = batch(*both, "-o", "two", "--threads", "2", "--workers", "2", "--json")
    assert (done.code, [cell["status"] for cell in json.loads(done.out)["cells"]]) == (0, ["done"] * 4)
    assert "with 2 workers" in done.err
    for name in statuses("one"):
        assert torch.equal(load_image(f"one/{name}").pixels, load_image(f"two/{name}").pixels)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--executor", "procesess"), "unknown executor 'procesess'"),
        (("--executor", "processes:worker=2"), "worker"),
        (("--workers", "0"), "--workers must be at least 1, not 0"),
        (("--executor", "local", "--workers", "0"), "--workers must be at least 1, not 0"),
        (("--executor", "processes:workers=3", "--workers", "2"), "the workers are given twice"),
        (("--executor", "local", "--workers", "2"), "the executor 'local' has one worker"),
    ],
)
def test_an_executor_that_does_not_exist_is_refused_before_any_work(batch, options, problem):
    done = batch("photos", "--styles", "paintings", "-o", "out", *options)
    assert done.code == 2
    assert problem in done.err
    assert not Path("out").exists()


def test_one_worker_is_this_process_whatever_it_is_called(batch, monkeypatch):
    from nst_plugins.executors.processes import Processes

    monkeypatch.delattr(Processes, "run")
    for number, options in enumerate((("--workers", "1"), ("--executor", "local", "--workers", "1"))):
        done = batch("photos/hill.png", "--styles", "paintings/night.png", "-o", f"out{number}", *options)
        assert done.code == 0


class Arrivals:
    """Takes the place of the clock: at every wait the next thing happens, and then Ctrl-C."""

    def __init__(self, *actions) -> None:
        self.actions = list(actions)

    def sleep(self, seconds: float) -> None:
        if not self.actions:
            raise KeyboardInterrupt
        self.actions.pop(0)()


@pytest.fixture
def arrivals(monkeypatch):
    def arrange(*actions) -> Arrivals:
        found = Arrivals(*actions)
        monkeypatch.setattr("nst_cli.execution.watching.time", found)
        return found

    return arrange


def nothing() -> None:
    pass


def test_images_that_arrive_are_painted_until_ctrl_c(batch, arrivals):
    def lake() -> None:
        save_image(picture(9), "photos/lake.png")

    left = arrivals(nothing, nothing, lake, nothing, nothing)
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out", "--watch")
    assert done.code == 130
    assert left.actions == []
    assert statuses("out") == {"beach-night.png": "cached", "hill-night.png": "cached", "lake-night.png": "done"}
    assert "lake" in Path("out/report.md").read_text()
    assert done.err.count("waiting for new images") == 2


def test_a_file_that_is_still_written_is_left_for_later(batch, arrivals):
    whole = Path("paintings/waves.png").read_bytes()
    seen: list[bool] = []

    def grown(share: float):
        def write() -> None:
            seen.append("lake-night.png" in statuses("out"))
            Path("photos/lake.png").write_bytes(whole[: int(share * len(whole))])

        return write

    arrivals(nothing, grown(0.3), grown(0.6), grown(1.0), nothing, nothing)
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out", "--watch")
    assert statuses("out")["lake-night.png"] == "done"
    assert seen == [False] * 3
    assert "lake-night.png:" not in done.err  # it did not fail meanwhile


def test_what_is_copied_while_the_watch_begins_is_left_for_later_too(batch, arrivals):
    whole = Path("paintings/waves.png").read_bytes()
    Path("photos/lake.png").write_bytes(whole[:200])
    arrivals(lambda: Path("photos/lake.png").write_bytes(whole), nothing)
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out", "--watch")
    assert "FAILED" not in done.err
    assert statuses("out")["lake-night.png"] == "done"


def test_a_folder_may_be_empty_at_first_and_a_damaged_file_is_tried_once(batch, arrivals):
    for path in Path("photos").iterdir():
        path.unlink()

    def broken() -> None:
        Path("photos/broken.png").write_bytes(b"no picture")

    def mended() -> None:
        save_image(picture(8), "photos/broken.png")

    def other() -> None:
        save_image(picture(7), "photos/other.png")

    arrivals(nothing, broken, nothing, other, nothing, mended, nothing)
    done = batch("photos", "--styles", "paintings/night.png", "-o", "out", "--watch")
    assert "waiting for the first" in done.err
    assert done.err.count("FAILED") == 1
    assert statuses("out") == {"broken-night.png": "done", "other-night.png": "cached"}
    assert done.code == 130


def test_a_list_of_jobs_is_read_again_and_may_be_half_written(batch, arrivals):
    first = "content,style\nphotos/beach.png,paintings/night.png\n"
    Path("jobs.csv").write_text(first)

    def half() -> None:
        Path("jobs.csv").write_text(f"{first}photos/hi")

    def whole() -> None:
        Path("jobs.csv").write_text(f"{first}photos/hill.png,paintings/waves.png\n")

    arrivals(nothing, half, whole, nothing)
    done = batch("--jobs", "jobs.csv", "-o", "out", "--watch")
    assert done.code == 130
    assert statuses("out") == {"beach-night.png": "cached", "hill-waves.png": "done"}
    assert "jobs.csv" in done.err


def test_watching_is_not_a_dry_run(batch):
    done = batch("photos", "--styles", "paintings", "--watch", "--dry-run")
    assert (done.code, "leave out --watch" in done.err) == (2, True)
