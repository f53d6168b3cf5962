"""reconstruct, texture, sweep, grid, study, eval, and their report."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from installed import install
from PIL import Image

from nst_cli.options.lists import spread
from nst_core import Job, load_image, save_image

SMALL = ("--extractor", "tiny", "--steps", "3", "--size", "32", "--precision", "fp32")
PAIR = ("photo.jpg", "painting.png")


def test_reconstruct_has_the_content_loss_alone(nst):
    done = nst("reconstruct", "photo.jpg", "--layer", "c", *SMALL, "--seed", "4", "--json")
    told = json.loads(done.out)
    assert told["output"] == "photo-c.png"
    job = Job.from_dict(told["job"])
    assert [(t.loss, t.layers) for t in job.terms] == [("mse-content", ("c",))]
    assert (job.initializer.name, job.seed, job.styles) == ("noise", 4, ())
    assert load_image("photo-c.png").pixels.shape == (1, 3, 24, 32)


def test_texture_has_the_style_loss_alone_and_any_size(nst):
    done = nst("texture", "painting.png", "--layers", "b", *SMALL, "--json")
    job = Job.from_dict(json.loads(done.out)["job"])
    assert [(t.loss, t.layers) for t in job.terms] == [("w2-style", ("b",))]
    assert load_image("painting-texture.png").pixels.shape == (1, 3, 32, 26)
    assert nst("texture", "painting.png", *SMALL, "--size", "70x90", "-o", "big.png").code == 0
    assert load_image("big.png").pixels.shape == (1, 3, 70, 90)
    assert nst("texture", "painting.png", *SMALL, "--size", "70by90").code == 2


def test_a_texture_without_room_is_refused_for_its_own_size(nst):
    done = nst("texture", "sample:brushwork", "--extractor", "tiny", "--size", "999999x999999")
    assert (done.code, done.out) == (2, "")
    assert "999999×999999 pixels need at least " in done.err
    assert "Use a longest side below " in done.err
    assert not list(Path().glob("*texture*"))


def test_a_sweep_makes_the_product_and_a_report(nst):
    done = nst("sweep", "--vary", "style.weight=1e5,1e6", "--vary", "seed=0,1,2", *PAIR, *SMALL, "--preset", "noise")
    assert (done.code, done.out) == (0, f"{Path('nst-sweep/report.html')}\n")
    assert "6 different cells, 0 already finished" in done.err
    assert re.search(r"will take about \d+ (s|min)", done.err)
    assert len(list(Path("nst-sweep/cells").glob("*/image.png"))) == 6
    again = nst("sweep", "--vary", "style.weight=1e5,1e6", "--vary", "seed=0,1,2", *PAIR, *SMALL, "--preset", "noise")
    assert "6 already finished" in again.err
    named = {f"style.weight={weight}-seed={seed}.png" for weight in ("1e5", "1e6") for seed in range(3)}
    assert {path.name for path in Path("nst-sweep").glob("*.png")} == named
    rows = Path("nst-sweep/index.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows[1:]] == [
        f"style.weight={weight}-seed={seed}.png" for weight in ("1e5", "1e6") for seed in range(3)
    ]


def test_a_sweep_in_two_processes_is_the_same(nst):
    command = ("sweep", "--vary", "seed=0,1,2", *PAIR, *SMALL, "--preset", "noise")
    assert nst(*command, "--threads", "1", "-o", "one").code == 0
    assert nst(*command, "--threads", "2", "--executor", "processes:workers=2", "-o", "two").code == 0
    for path in Path("one").glob("*.png"):
        assert torch.equal(load_image(path).pixels, load_image(Path("two", path.name)).pixels)


def test_a_file_that_has_the_name_of_a_picture_is_not_written_over(nst):
    Path("nst-sweep").mkdir()
    Path("nst-sweep/seed=1.png").write_text("mine")
    done = nst("sweep", "--vary", "seed=0,1", *PAIR, *SMALL, "--preset", "noise")
    assert done.code == 2
    assert "exists and is not a result of this batch" in done.err
    assert Path("nst-sweep/seed=1.png").read_text() == "mine"


def test_two_runs_do_not_share_a_folder(nst):
    Path("nst-sweep").mkdir()
    with FileLock("nst-sweep/.lock"):
        done = nst("sweep", "--vary", "seed=0,1", *PAIR, *SMALL)
    assert done.code == 2
    assert "another nst is writing to 'nst-sweep'; wait for it to end" in done.err
    assert not list(Path("nst-sweep/cells").iterdir())
    assert nst("sweep", "--vary", "seed=0,1", *PAIR, *SMALL).code == 0


def test_bad_keys_are_bad_input(nst):
    done = nst("sweep", "--vary", "style.wait=1,2", *PAIR, *SMALL)
    assert done.code == 2
    assert "did you mean 'style.weight'" in done.err
    assert "content.layers" in done.err
    assert not Path("nst-sweep").exists()
    assert nst("sweep", *PAIR, *SMALL).code == 2
    assert nst("sweep", "--vary", "seed=0,1", "photo.jpg", *SMALL).code == 2


def test_a_grid_goes_on_past_a_bad_image(nst):
    Path("bad.jpg").write_text("no picture")
    done = nst("grid", "--contents", "photo.jpg", "bad.jpg", "--styles", "painting.png", "photo.jpg", *SMALL, "--json")
    assert done.code == 1
    told = json.loads(done.out)
    assert [cell["status"] for cell in told["cells"]] == ["done", "done", "failed", "failed"]
    assert "2 of 4 cells failed" in done.err
    for page in (told["report"], told["markdown"]):
        text = Path(page).read_text(encoding="utf-8")
        assert "bad.jpg" in text
        assert "painting" in text


def test_a_recipe_is_the_base_of_all_cells(nst):
    nst("run", *PAIR, *SMALL, "--save-recipe", "r.toml", "--plugin", "tv:weight=2", "-o", "x.png")
    done = nst("sweep", "--recipe", "r.toml", "--vary", "seed=0,1", "--json")
    jobs = [Job.from_dict(cell["job"]) for cell in json.loads(done.out)["cells"]]
    assert [job.seed for job in jobs] == [0, 1]
    assert all(job.terms[2].weight == 2 for job in jobs)


def test_a_recipe_of_a_pastiche_serves_a_reconstruction_a_texture_and_the_study(nst):
    nst("run", *PAIR, *SMALL, "--save-recipe", "r.toml", "--optimizer", "adam", "-o", "x.png")
    for command in (("reconstruct", "photo.jpg", "--layer", "c"), ("texture", "painting.png")):
        job = Job.from_dict(json.loads(nst(*command, "--recipe", "r.toml", "--json").out)["job"])
        assert (job.initializer.name, job.optimizer.name, len(job.terms)) == ("noise", "adam", 1)
    images = ("--contents", "photo.jpg", "--styles", "painting.png")
    told = json.loads(nst("study", *images, "--recipe", "r.toml", "--size", "16", "--steps", "1", "--json").out)
    jobs = [Job.from_dict(cell["job"]) for cell in told["cells"]]
    assert {job.optimizer.name for job in jobs} == {"adam"}
    assert {job.initializer.name for job in jobs if len(job.terms) == 1} == {"noise"}


def test_lists_take_everything_up_to_the_next_option():
    given = ["--contents", "a", "b", "--size", "3", "--styles", "c", "-q"]
    assert spread(given) == ["--contents", "a", "--contents", "b", "--size", "3", "--styles", "c", "-q"]


def test_the_study_has_all_parts_and_goes_on_where_it_was(nst):
    images = ("--contents", "photo.jpg", "painting.png", "--styles", "painting.png", "photo.jpg")
    done = nst("study", *images, *SMALL, "--steps", "2", "-o", "out", "--json")
    assert done.code == 0
    cells = json.loads(done.out)["cells"]
    # 3 blocks and 2 seeds, twice; two starts of 3 + 3 layers and 3 + 3 weights; two grids of 2×2; two starts
    assert len(cells) == 2 * (3 + 2) + 2 * (3 + 3 + 3 + 3) + 2 * 4 + 2
    shutil.rmtree(next(Path("out/cells").iterdir()))
    again = nst("study", *images, *SMALL, "--steps", "2", "-o", "out", "--json")
    assert sorted({c["status"] for c in json.loads(again.out)["cells"]}) == ["cached", "done"]
    assert len({c["key"] for c in json.loads(again.out)["cells"] if c["status"] == "done"}) == 1


def test_eval_measures_any_picture(nst):
    done = nst(
        "eval", "photo.jpg", "--content", "photo.jpg", "--style", "painting.png", "--extractor", "tiny", "--json"
    )
    told = json.loads(done.out)
    assert told["content_mean"] == 0
    assert told["style_mean"] > 0
    assert set(told["style"]) == {"a", "b", "c"}
    assert told["total_variation"] > 0
    words = nst("eval", "photo.jpg", "--style", "photo.jpg", "--extractor", "tiny", "--layers", "a").out
    assert words.splitlines()[0].split() == ["style", "distance", "a", "0.0000"]
    assert "content" not in words
    assert nst("eval", "photo.jpg", "--extractor", "tiny", "--layers", "zz").code == 2


def test_eval_shows_every_figure_with_words_and_as_json(nst):
    images = ("eval", "photo.jpg", "--content", "photo.jpg", "--style", "painting.png", "--extractor", "tiny")
    told = json.loads(nst(*images, "--json").out)
    assert (told["self_similarity"], told["structure_layer"]) == (0, "b")
    assert (told["edge_ssim"], told["rim"]) == (pytest.approx(1), pytest.approx(1))
    assert told["pyramid_sizes"] == [[30, 40]]
    assert 0 < told["specks"] < 1
    words = nst(*images).out
    for name in ("content distance", "style distance", "Fréchet distance", "style pyramid", "self-similarity"):
        assert name in words
    for name, key in (("edge SSIM", "edge_ssim"), ("rim", "rim"), ("specks", "specks")):
        (line,) = (line for line in words.splitlines() if line.startswith(name))
        assert float(line.removeprefix(name).split()[1]) == pytest.approx(told[key], abs=1e-4)


@pytest.mark.parametrize(
    ("images", "role", "each"),
    [
        (["."], "image", '"$image"'),
        (["photo.jpg", "--content", "."], "content image", 'IMAGE --content "$image"'),
        (["photo.jpg", "--style", "."], "style image", 'IMAGE --style "$image"'),
    ],
)
def test_eval_says_what_to_do_with_a_folder(nst, images, role, each):
    done = nst("eval", *images, "--extractor", "tiny")
    assert (done.code, done.out) == (2, "")
    assert f"the {role} '.' is a folder; name image files." in done.err
    assert f"All images of the folder, in the shell: for image in ./*; do nst eval {each}; done" in done.err


BARE = """
from nst_core import hookimpl
from tiny import TinyExtractor


class Bare(TinyExtractor):
    content_layers = ()
    style_layers = ()


@hookimpl
def nst_register_extractors(register):
    register("bare", Bare)
"""


def test_an_extractor_without_layers_of_its_own_asks_for_some(nst, tmp_path):
    install(tmp_path / "site", "bare-package", "bare", "bare_extractor", BARE)
    measure = ("eval", "photo.jpg", "--style", "painting.png", "--extractor", "bare")
    done = nst(*measure)
    assert done.code == 2
    assert "'bare' has no default layers; name some with --layers; there are: a, b, c" in done.err
    assert nst(*measure, "--layers", "a").code == 0
    done = nst("study", "--extractor", "bare", "--quick", "-o", "out")
    assert done.code == 2
    assert "'bare' has none; choose layers with nst reconstruct --layer" in done.err
    assert not Path("out").exists()


def test_images_too_small_for_a_layer_are_not_measured(nst):
    save_image(torch.rand(3, 3, 9), "small.png")
    save_image(torch.rand(3, 2, 90), "narrow.png")
    for images in (("small.png",), ("photo.jpg", "--style", "narrow.png"), ("photo.jpg", "--content", "narrow.png")):
        done = nst("eval", *images, "--extractor", "tiny")
        assert done.code == 2
        assert "layer c needs at least 4×4" in done.err
    save_image(torch.rand(3, 4, 9), "enough.png")
    assert nst("eval", "enough.png", "--style", "enough.png", "--extractor", "tiny").code == 0


def test_eval_agrees_with_the_report(nst):
    done = nst("sweep", "--vary", "seed=0", *PAIR, *SMALL, "--json")
    (cell,) = json.loads(done.out)["cells"]
    options = ("--content", PAIR[0], "--style", PAIR[1], "--style-size", "32", "--extractor", "tiny", "--json")
    told = json.loads(nst("eval", cell["picture"], *options).out)
    assert told["content"] == pytest.approx(cell["metrics"]["content"])
    assert told["style"] == pytest.approx(cell["metrics"]["style"])
    for name in ("pyramid", "self_similarity", "edge_ssim", "rim", "specks"):
        assert told[name] == pytest.approx(cell["metrics"][name])


def test_a_report_shows_style_at_all_sizes_structure_and_specks(nst):
    done = nst("sweep", "--vary", "seed=0", *PAIR, *SMALL)
    text = Path(done.out.strip()).with_suffix(".md").read_text(encoding="utf-8")
    rows = text[text.index("| cell") :].splitlines()[:3]
    heads, _, values = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows)
    shown = dict(zip(heads, values, strict=True))
    (path,) = Path("nst-sweep/cells").glob("*/result.json")
    metrics = json.loads(path.read_text())["metrics"]
    assert float(shown["pyramid"]) == pytest.approx(metrics["pyramid"], rel=0.01)
    assert float(shown["structure"]) == pytest.approx(metrics["self_similarity"], rel=0.01)
    assert float(shown["specks"].removesuffix(" %")) == pytest.approx(100 * metrics["specks"], abs=0.01)
    page = Path(done.out.strip()).read_text(encoding="utf-8")
    assert "Fréchet" in page
    assert "edge SSIM" in page


class _Sources(HTMLParser):
    """Everything a page would fetch, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        named = dict(attrs)
        self.fetched += [named["src"]] if "src" in named else []
        self.fetched += [named["href"]] if tag == "link" else []
        self.links += [named["href"]] if tag == "a" else []
        self.ids += [named["id"]] if "id" in named else []

    def handle_data(self, data) -> None:
        self.text += data


@pytest.fixture
def report(nst) -> Path:
    done = nst("sweep", "--vary", "preset=content,noise", "--vary", "style.weight=1e5,1e6", *PAIR, *SMALL)
    return Path(done.out.strip())


def test_the_page_is_whole_and_every_link_leads_somewhere(report):
    page = _Sources()
    page.feed(report.read_text(encoding="utf-8"))
    assert all(source.startswith("data:image/") for source in page.fetched)
    pictures = [source for source in page.fetched if source.startswith("data:image/jpeg")]
    assert len(pictures) >= 4
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    record = json.loads(next(report.parent.glob("cells/*/result.json")).read_text())
    for fact in ("style.weight", "1e5", "initializer", record["job"]["content"]["sha256"], record["versions"]["torch"]):
        assert fact in page.text


def test_names_of_files_are_text_and_never_markup(nst):
    """A file may be called like an element of HTML or hold a separator of Markdown's tables."""
    Path("photo.jpg").rename("<b>a|b & 'c'.jpg")
    Path("bad <i>.png").write_text("no picture")
    done = nst("grid", "--contents", "<b>a|b & 'c'.jpg", "bad <i>.png", "--styles", "painting.png", *SMALL)
    assert done.code == 1
    text = Path(done.out.strip()).read_text(encoding="utf-8")
    page = _Sources()
    page.feed(text)
    assert not {"<b>a", "<i>"} & set(re.findall(r"<b>a|<i>", text))
    assert "<b>a|b & 'c'" in page.text
    assert "'bad <i>.png' is not an image in a supported format" in page.text
    lines = Path(done.out.strip()).with_suffix(".md").read_text(encoding="utf-8").splitlines()
    rows = [re.split(r"(?<!\\)\|", line) for line in lines if line.startswith("| ") and "&lt;" in line]
    assert len([row for row in rows if len(row) == 12 + 2]) == 2  # the cells, with eleven figures and their links


def test_the_markdown_links_to_files_that_exist(report):
    text = report.with_suffix(".md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) >= 4 * 2 + 2
    for target in targets:
        assert (report.parent / target).exists(), target
    for sheet in (report.parent / "images").glob("*.jpg"):
        with Image.open(sheet) as image:
            assert np.asarray(image).std() > 5


def test_without_matplotlib_the_report_says_so(nst, monkeypatch):
    monkeypatch.setattr("nst_cli.report.writing.curves_possible", lambda: False)
    done = nst("sweep", "--vary", "seed=0,1", *PAIR, *SMALL)
    for page in (Path(done.out.strip()), Path(done.out.strip()).with_suffix(".md")):
        assert "no loss curves" in page.read_text(encoding="utf-8")
    assert not list(Path("nst-sweep/images").glob("*curves*"))


def test_the_page_opens_in_a_browser(report, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        assert "NST_TEST_CHROMIUM" not in os.environ, "tools/dev.py said that Chromium is there, but it is not"
        pytest.skip("Chromium needed: apt-get install chromium")
    shot = tmp_path / "shot.png"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1400")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    subprocess.run(
        [browser, *options, profile, f"--screenshot={shot}", report.resolve().as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (1400, 1200, 3)
    colourful = (pixels.max(axis=2) - pixels.min(axis=2) > 40).sum()
    assert colourful > 1000  # the pictures and the curves are there, not only text


def test_a_killed_sweep_goes_on_where_it_was(nst, tmp_path):
    """kill -9 in the middle of the second cell: the first is kept, the second is made anew."""
    nst_program = Path(sys.executable).with_name("nst")
    tests = Path(__file__).resolve().parents[3]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(tests)])}
    sweep = [nst_program, "sweep", *PAIR, *SMALL, "-o", "out"]
    process = subprocess.Popen(
        [*sweep, "--vary", "steps=3,1000000"], stderr=subprocess.PIPE, text=True, env=environment, process_group=0
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("1/2"):
            break
    time.sleep(0.5)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    (first,) = Path("out/cells").glob("*/result.json")
    before = first.stat().st_mtime_ns
    done = nst("sweep", *PAIR, *SMALL, "-o", "out", "--vary", "steps=3,4", "--json")
    assert [cell["status"] for cell in json.loads(done.out)["cells"]] == ["cached", "done"]
    assert first.stat().st_mtime_ns == before


@pytest.mark.parametrize("command", ["reconstruct", "texture", "sweep", "grid", "study", "eval"])
def test_the_examples_of_help_run(nst, command):
    """As written, but for the network, its layers and the amount of work."""
    words = " ".join(nst(command, "--help").out.split())
    examples = re.findall(rf"nst {command} .*?(?=nst {command} |╭|$)", words.partition("Examples:")[2])
    assert examples
    for example in examples:
        text = example.replace("│", " ").replace(",conv4_4,conv5_4", "").replace("conv4_4", "c")
        for real, tiny in {"conv1_2": "a", "conv2_2": "b", "conv3_4": "c"}.items():
            text = text.replace(real, tiny)
        arguments = [*text.split()[1:], "--extractor", "tiny"]
        if command != "eval":
            arguments += ["--steps", "2", "--precision", "fp32"]
            arguments += [] if command == "texture" and "--size" in arguments else ["--size", "32"]
        done = nst(*arguments)
        assert done.code == 0, (arguments, done.err)
