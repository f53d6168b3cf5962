"""The command as people use it: results on standard output, the rest on standard error, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from installed import install
from masks import part, saved_mask
from PIL import Image

from nst_core import Component, ImageError, Job, Problem, load_image, read_recipe, save_image
from nst_core.plugins.discovery import default_registry

SMALL = ("--extractor", "tiny", "--steps", "4", "--size", "32", "--precision", "fp32")


def test_run_writes_a_picture_and_prints_its_path(nst):
    done = nst("run", "photo.jpg", "painting.png", *SMALL)
    assert (done.code, done.out) == (0, "photo-painting.png\n")
    assert re.search(r"step 4/4  32 px  loss [\d.e+]+", done.err)
    assert load_image("photo-painting.png").pixels.shape == (1, 3, 24, 32)


def test_json_is_one_object_with_everything(nst):
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "--json", "-o", "o.png", "--plugin", "tv", "--seed", "3")
    told = json.loads(done.out)
    assert told["output"] == "o.png"
    assert told["evaluations"] == 4
    assert set(told["losses"]) == {"mse-content", "w2-style", "tv"}
    assert set(told["losses"]["w2-style"]) == {"a", "b", "c"}
    assert told["total"] <= told["first_total"]
    assert told["versions"]["torch"] == torch.__version__
    assert Job.from_dict(told["job"]).seed == 3
    assert len(told["job"]["content"]["sha256"]) == 64


def test_without_images_the_samples_are_used(nst):
    done = nst("run", "--plugin", "gram-style", "--optimizer", "lbfgs", *SMALL)
    assert (done.code, done.out) == (0, "sample-landscape-sample-brushwork.png\n")
    assert "sample pair" in done.err


def test_quiet_says_nothing(nst):
    assert nst("run", "photo.jpg", "painting.png", *SMALL, "--quiet").err == ""


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_from_image_repeats_it(nst, suffix):
    nst("run", "photo.jpg", "painting.png", *SMALL, "-o", f"one.{suffix}", "--init", "noise", "--seed", "5")
    done = nst("run", "--from-image", f"one.{suffix}", "-o", f"two.{suffix}")
    assert done.code == 0
    assert torch.equal(load_image(f"one.{suffix}").pixels, load_image(f"two.{suffix}").pixels)
    assert Job.from_toml(read_recipe(f"two.{suffix}")) == Job.from_toml(read_recipe(f"one.{suffix}"))


def test_recipes_are_saved_changed_and_run(nst):
    nst("run", "photo.jpg", "painting.png", *SMALL, "--save-recipe", "r.toml", "--optimizer", "adam:learning_rate=0.1")
    job = Job.from_toml(Path("r.toml").read_text())
    assert job.optimizer.params == {"learning_rate": 0.1}
    Path("r.json").write_text(job.to_json())
    for recipe in ("r.toml", "r.json"):
        told = json.loads(nst("run", "--recipe", recipe, "--steps", "2", "-o", "o.png", "--json").out)
        assert told["evaluations"] == 2
        assert Job.from_dict(told["job"]).optimizer == job.optimizer
    swapped = nst("run", "painting.png", "photo.jpg", "--recipe", "r.toml", "-o", "o.png", "--json")
    assert Job.from_dict(json.loads(swapped.out)["job"]).content.path == "painting.png"


def test_images_of_a_recipe_are_found_beside_it(nst):
    nst("run", "photo.jpg", "painting.png", *SMALL, "-o", "o.png")
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    assert nst("run", "--from-image", "../o.png", "-o", "again.png").code == 0


def test_files_of_a_recipe_from_another_machine_are_found_by_name_or_named(nst):
    """The initial image as the others."""
    save_image(torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(2)), "start.png")
    init = ("--init", "image:path=start.png")
    nst("run", "photo.jpg", "painting.png", *SMALL, *init, "-o", "o.png", "--save-recipe", "r.toml")
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    assert nst("run", "--from-image", "../o.png", "-o", "again.png").code == 0
    assert torch.equal(load_image("again.png").pixels, load_image("../o.png").pixels)
    for name in ("o.png", "r.toml"):
        Path("..", name).rename(name)
    for again in (("--from-image", "o.png"), ("--recipe", "r.toml")):
        done = nst("run", *again, "-o", "third.png")
        assert (done.code, done.out) == (2, "")
        assert "content image 'photo.jpg', style image 'painting.png', initial image 'start.png'" in done.err
        given = ("../photo.jpg", "../painting.png", "--init", "content")
        assert nst("run", *given, *again, "-o", "third.png").code == 0


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_a_picture_says_nothing_of_the_folders_of_its_files(nst, tmp_path, suffix):
    """Unless it is asked to, and yet it makes itself again."""
    save_image(torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(2)), "start.png")
    here = Path.cwd()
    images = (str(here / "photo.jpg"), str(here / "painting.png"), "--init", f"image:path={here / 'start.png'}")
    run = ("run", *images, *SMALL, "-o")
    assert nst(*run, f"o.{suffix}").code == 0
    assert str(tmp_path) not in read_recipe(f"o.{suffix}")
    job = Job.from_toml(read_recipe(f"o.{suffix}"))
    assert (job.content.path, job.styles[0].path) == ("photo.jpg", "painting.png")
    assert job.initializer.params["path"] == "start.png"
    assert all((job.content.sha256, job.styles[0].sha256, job.initializer.params["path_sha256"]))
    assert nst("run", "--from-image", f"o.{suffix}", "-o", "again.png").code == 0
    assert nst(*run, f"full.{suffix}", "--metadata", "full").code == 0
    assert Job.from_toml(read_recipe(f"full.{suffix}")).content.path == images[0]
    assert nst(*run, f"none.{suffix}", "--metadata", "none").code == 0
    with pytest.raises(ImageError, match="contains no recipe"):
        read_recipe(f"none.{suffix}")
    assert b"mse-content" not in Path(f"none.{suffix}").read_bytes()


def test_a_recipe_works_from_any_folder(nst):
    for folder in ("looks", "elsewhere"):
        Path(folder).mkdir()
    nst("run", "photo.jpg", "painting.png", *SMALL, "-o", "o.png", "--save-recipe", "looks/r.toml")
    assert Job.from_toml(Path("looks/r.toml").read_text()).content.path == "../photo.jpg"
    os.chdir("elsewhere")
    assert nst("run", "--recipe", "../looks/r.toml", "-o", "again.png").code == 0
    assert torch.equal(load_image("again.png").pixels, load_image("../o.png").pixels)


def test_a_loss_that_is_named_twice_counts_twice_and_says_so(nst):
    run = ("run", "photo.jpg", "painting.png", *SMALL, "--json", "-o")
    told = json.loads(nst(*run, "o.png", "--plugin", "tv", "--plugin", "tv:weight=9").out)
    assert [term["loss"] for term in told["job"]["terms"]][2:] == ["tv", "tv"]
    assert told["remarks"] == ["a loss that is named more than once counts each time: 'tv' (2 times)"]
    assert json.loads(nst(*run, "o.png", "--plugin", "tv").out)["remarks"] == []


def test_sixteen_bits(nst):
    assert nst("run", "photo.jpg", "painting.png", *SMALL, "-o", "o.png", "--bits", "16").code == 0
    assert Path("o.png").read_bytes()[24] == 16


def masks() -> None:
    """Draw masks and maps of the two pictures."""
    saved_mask(Path("left.png"), part(24, 32, columns=slice(0, 16)))
    saved_mask(Path("top.png"), part(50, 40, rows=slice(0, 25)))
    for name, size in (("map.png", (32, 24)), ("style-map.png", (40, 50))):
        image = Image.new("RGB", size, (0, 0, 255))
        image.paste((255, 0, 0), (0, 0, 16, 50))
        image.save(name)


def test_regions_and_what_is_kept(nst):
    masks()
    given = ("--region", "l=left.png:style=painting,style-mask=top.png", "--outside", "free", "--guide", "inside")
    done = nst("run", "photo.jpg", "painting.png", *SMALL, *given, "--keep", "left.png", "-o", "o.png", "--json")
    assert done.code == 0
    job = Job.from_dict(json.loads(done.out)["job"])
    assert [(r.name, r.mask.path, r.style, r.style_mask.path) for r in job.regions] == [("l", "left.png", 1, "top.png")]
    assert (job.outside, job.guide, job.keep.path) == ("free", "inside", "left.png")
    again = nst("run", "--from-image", "o.png", "-o", "again.png")
    assert again.code == 0
    assert torch.equal(load_image("again.png").pixels, load_image("o.png").pixels)
    plain = nst("run", "--from-image", "o.png", "--region", "none", "--keep", "none", "-o", "p.png", "--json")
    assert Job.from_dict(json.loads(plain.out)["job"]).regions == ()


def test_two_maps_are_counted_on_standard_error(nst):
    masks()
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "--regions", "map.png", "style-map.png", "-o", "o.png")
    assert (done.code, done.out) == (0, "o.png\n")
    assert "note: the map 'map.png' has 2 regions: #0000ff 50.0 %, #ff0000 50.0 %" in done.err
    assert "note: the map 'style-map.png' has 2 regions: #0000ff 60.0 %, #ff0000 40.0 %" in done.err
    for name in ("map.png", "left.png"):
        Path(name).rename(f"gone-{name}")
    lost = nst("run", "--from-image", "o.png")
    assert lost.code == 2
    assert "names files that are not found: map of the content image 'map.png'. Put them into" in lost.err
    assert "--regions MAP STYLE_MAP" in lost.err
    given = ("--regions", "gone-map.png", "style-map.png")
    assert nst("run", "--from-image", "o.png", *given, "-o", "again.png").code == 0
    assert torch.equal(load_image("again.png").pixels, load_image("o.png").pixels)


def test_a_mask_of_a_recipe_that_is_gone_is_named_with_what_replaces_it(nst):
    masks()
    given = ("--region", "l=left.png:style-mask=top.png", "--keep", "left.png")
    nst("run", "photo.jpg", "painting.png", *SMALL, *given, "-o", "o.png")
    for name in ("left.png", "top.png"):
        Path(name).unlink()
    lost = nst("run", "--from-image", "o.png")
    assert lost.code == 2
    assert "mask of region 'l' 'left.png', style mask of region 'l' 'top.png', keep mask 'left.png'" in lost.err
    assert "--region l=FILE, --region l=MASK:style-mask=FILE, --keep FILE" in lost.err
    over = nst("run", "photo.jpg", "painting.png", *SMALL, "--keep", "photo.jpg", "-o", "photo.jpg")
    assert over.code == 2
    assert "the result would overwrite the" in over.err


def test_a_dry_run_checks_masks_and_counts_regions(nst):
    masks()
    run = ("run", "photo.jpg", "painting.png", *SMALL, "--dry-run")
    done = nst(*run, "--region", "l=left.png:style-mask=top.png", "--keep", "left.png", "--json")
    assert done.code == 0
    assert json.loads(done.out)["fits"]
    assert nst(*run, "--regions", "map.png", "style-map.png").code == 0
    for given, message in (
        (("--region", "l=lef.png"), "mask of region 'l' 'lef.png' does not exist; did you mean 'left.png'"),
        (("--region", "l=top.png"), "the mask of region 'l' 'top.png' has 40×50 pixels, but the picture has 32×24"),
        (("--region", "l=left.png:style=5"), "region 'l' takes style 5, but there is 1 style image"),
        (("--region", "l=."), "mask of region 'l' '.' is a folder"),
        (("--keep", "top.png"), "the keep mask 'top.png' has 40×50 pixels, but the picture has 32×24"),
        (("--keep", "no.png"), "keep mask 'no.png' does not exist"),
        (("--regions", "map.png", "no.png"), "map of style image 1 'no.png' does not exist"),
    ):
        done = nst(*run, *given)
        assert (done.code, done.out) == (2, "")
        assert message in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("phot.jpg", "painting.png"), "content image 'phot.jpg' does not exist; did you mean 'photo.jpg'"),
        (("photo.jpg",), "only one image is given"),
        ((".", "painting.png"), "All images of the folder: nst batch . --styles STYLE"),
        (
            ("photo.jpg", "painting.png", "."),
            "the style image '.' is a folder; name image files. All images of the folder: nst batch CONTENT --styles .",
        ),
        (
            ("photo.jpg", "painting.png", "--init", "image:path=."),
            'for image in ./*; do nst run CONTENT STYLE --init image:path="$image"; done',
        ),
        (("photo.jpg", "painting.png", "--init", "image:path=.", "--dry-run"), "the initial image '.' is a folder"),
        (("photo.jpg", "painting.png", "-o", "."), "'.' is a folder; name the file, too: -o photo-painting.png"),
        (("photo.jpg", "painting.png", "--init", "photo.jpg"), "write image:path=photo.jpg"),
        (("photo.jpg", "painting.png", "--init", "image:path=a,b.jpg"), "a value that has a comma in double quotes"),
        (("photo.jpg", "painting.png", "-o", "out.xyz"), "cannot tell the format"),
        (("photo.jpg", "painting.png", "-o", "no/out.png"), "the folder 'no' does not exist"),
        (("photo.jpg", "painting.png", "--preset", "nose"), "unknown preset 'nose'; did you mean 'noise'"),
        (("photo.jpg", "painting.png", "--plugin", "gram"), "unknown loss 'gram'"),
        (("photo.jpg", "painting.png", "--optimizer", "lbfgs:history=0"), "history must be at least 1"),
        (("photo.jpg", "painting.png", "--init", "image"), "needs a file"),
        (("photo.jpg", "painting.png", "--size", "0"), "size must be at least 1"),
        (("photo.jpg", "painting.png", "--size", "3"), "needs at least 4×4"),
        (("photo.jpg", "painting.png", "--device", "cuda"), "no device 'cuda'"),
        (("photo.jpg", "painting.png", "--precision", "fp8"), "precision must be"),
        (("photo.jpg", "painting.png", "--weights", "x.safetensors"), "parameter of 'tiny'"),
        (
            ("photo.jpg", "painting.png", "-o", "./photo.jpg"),
            "the result would overwrite the content image 'photo.jpg'",
        ),
        (("photo.jpg", "painting.png", "-o", "o.png", "--checkpoint", "./o.png"), "cannot both be 'o.png'"),
        (("photo.jpg", "painting.png", "--save-recipe", "no/r.toml"), "the folder 'no' does not exist"),
        (("photo.jpg", "painting.png", "--save-recipe", "photo.jpg"), "ends in .toml"),
        (("--recipe", "none.toml"), "the recipe 'none.toml' cannot be read"),
        (("--recipe", "photo.jpg"), "the recipe 'photo.jpg' cannot be read"),
        (("--from-image", "photo.jpg"), "contains no recipe"),
        (("--from-image", "photo.jpg", "--recipe", "r.toml"), "not both"),
        (("photo.jpg", "painting.png", "--style-weight", "1e300"), "must be at most 1e+30"),
        (
            ("photo.jpg", "painting.png", "--style-weight", "1e30", "--style-layers", "a=1e30"),
            "not finite at the first image",
        ),
    ],
)
def test_bad_input_is_explained_with_code_2(nst, arguments, message):
    if "--device" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    before = sorted(Path().iterdir())
    options = () if "--recipe" in arguments or "--from-image" in arguments else SMALL
    done = nst("run", *options, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
    assert sorted(Path().iterdir()) == before


def test_ctrl_c_saves_the_best_image(nst, monkeypatch):
    evaluate, calls = Problem.evaluate, []

    def interrupted(*arguments, **more):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(*arguments, **more)

    monkeypatch.setattr(Problem, "evaluate", interrupted)
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "-o", "o.png")
    assert (done.code, done.out) == (130, "o.png\n")
    assert "cancelled after 2 evaluations" in done.err
    assert load_image("o.png").pixels.std() > 0


WHERE = ["nst_core.api.make_job", "nst_core.images.store.decode_bytes", "nst_core.engine.problem.Problem.evaluate"]


@pytest.mark.parametrize("where", WHERE)
def test_ctrl_c_before_there_is_a_picture_says_so(nst, monkeypatch, where):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    before = sorted(Path().iterdir())
    done = nst("run", "photo.jpg", "painting.png", *SMALL, "-q")
    assert (done.code, done.out, done.err) == (130, "", "interrupted; nothing was written\n")
    assert sorted(Path().iterdir()) == before


def test_transparency_is_kept_where_the_format_has_it(nst):
    image = Image.open("photo.jpg").convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 20, 30))
    image.save("cut.png")
    run = ("run", "cut.png", "painting.png", *SMALL, "--json", "-o")
    for name, note in (("a.png", False), ("a.jpg", True)):
        done = nst(*run, name)
        assert json.loads(done.out)["transparent"]
        assert ("JPEG has no transparency" in done.err) is note
        assert (load_image(name).alpha is None) is note
    Image.new("RGBA", (40, 30)).save("cut.png")
    done = nst(*run, "b.png")
    assert done.code == 2
    assert "content image 'cut.png' is transparent everywhere" in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are texts")
def test_names_that_are_not_utf8(nst, tmp_path):
    """The recipe names the very file; the path of the result is printed as it is."""
    odd = os.fsdecode(b"caf\xe9.jpg")
    Path("photo.jpg").rename(odd)
    command = [sys.executable, "-c", "from nst_cli.main import main; main()", "run"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [*command, odd, "painting.png", *SMALL, "-q", "--save-recipe", "r.toml"],
        capture_output=True,
        check=True,
        env=environment,
    )
    assert done.stdout == b"caf\xe9-painting.png\n"
    for again in (("--recipe", "r.toml"), ("--from-image", os.fsdecode(b"caf\xe9-painting.png"))):
        assert nst("run", *again, "-q", "-o", "again.png").out == "again.png\n"
        assert Job.from_toml(read_recipe("again.png")).content.path == odd


def test_defects_are_called_so(nst, monkeypatch):
    monkeypatch.setattr("nst_core.api.make_job", lambda *_, **__: 1 / 0)
    done = nst("run", "photo.jpg", "painting.png", *SMALL)
    assert done.code == 1
    assert "internal error: ZeroDivisionError" in done.err


def test_plugins_lists_components_and_failures(nst, tmp_path):
    install(tmp_path / "site", "broken-package", "broken", "broken_module", "raise RuntimeError('no luck')")
    told = json.loads(nst("plugins", "--json").out)
    components = {(c["kind"], c["name"]): c for c in told["components"]}
    assert components["extractor", "tiny"]["package"] == "tiny-package"
    gram = components["loss", "gram-style"]
    assert gram["parameters"] == [
        {"name": "normalization", "type": "str", "default": "mean", "choices": ["mean", "gatys", "relative"]}
    ]
    assert [(f["package"], f["error"]) for f in told["failures"]] == [("broken-package", "RuntimeError: no luck")]
    default_registry.cache_clear()
    table = nst("plugins")
    assert table.code == 0
    assert "gram-style" in table.out
    assert "failed: plugin 'broken' of package broken-package 1.0: RuntimeError: no luck" in table.err


def test_help_and_version(nst):
    assert "plugins" in nst("--help").out
    assert nst("--version").out.startswith("nst ")
    text = nst("run", "--help").out
    for shown in ("[default: (512)]", "[default: (0.5)]", "Random seed."):
        assert shown in re.sub(r"[│\s]+", " ", text)
    assert nst("run", "--no-such-option").code == 2


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["sweep", "--help"]])
def test_help_does_not_wait_for_large_packages(arguments):
    program = f"import sys; sys.argv = ['nst', *{arguments}]\nfrom nst_cli.main import main\ntry: main()\n"
    program += "finally: print([m for m in ('torch', 'jinja2', 'PIL') if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_installed_command_runs_plugins_of_other_packages(tmp_path):
    """A process of its own, as a user starts it."""
    site = install(tmp_path / "site", "tiny-package", "tiny", "tiny")
    tests = str(Path(__file__).resolve().parents[3])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(site), tests))}
    command = [str(Path(sys.executable).with_name("nst")), "run", *SMALL, "-o", str(tmp_path / "o.png"), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'o.png'}\n", "")


@pytest.fixture
def three(nst):
    """The command, and two more style images."""
    for number, name in enumerate(("drawing.png", "etching.png")):
        save_image(torch.rand(3, 40, 36, generator=torch.Generator().manual_seed(5 + number)) / (2 + number), name)
    return nst


def told(done) -> Job:
    assert done.code == 0, done.err
    return Job.from_dict(json.loads(done.out)["job"])


def test_several_styles_are_blended(three):
    """Shares decide the picture, whatever their sum; one style with all of the share is that style alone."""
    run = ("run", "photo.jpg", "painting.png", "drawing.png", *SMALL, "--json", "-o")
    job = told(three(*run, "equal.png"))
    assert [style.path for style in job.styles] == ["painting.png", "drawing.png"]
    assert job.blend == (0.5, 0.5)
    assert told(three(*run, "some.png", "--blend", "0.7,0.3")).blend == pytest.approx((0.7, 0.3))
    told(three(*run, "same.png", "--blend", "7,7"))
    told(three(*run, "first.png", "--blend", "1,0"))
    told(three("run", "photo.jpg", "painting.png", *SMALL, "--json", "-o", "alone.png"))
    pixels = {path.stem: load_image(path).pixels for path in Path().glob("*.png")}
    assert torch.equal(pixels["equal"], pixels["same"])
    assert torch.equal(pixels["first"], pixels["alone"])
    assert not torch.equal(pixels["equal"], pixels["some"])
    assert not torch.equal(pixels["equal"], pixels["alone"])


def test_three_styles_and_their_recipe(three):
    styles = ("painting.png", "drawing.png", "etching.png")
    blend = ("--blend", "0.5,0.3,0.2", "--style-scale", "1.5,1.5,0.75")
    first = told(
        three("run", "photo.jpg", *styles, *SMALL, *blend, "-o", "one.png", "--json", "--save-recipe", "r.toml")
    )
    assert first.blend == pytest.approx((0.5, 0.3, 0.2))
    assert [style.scale for style in first.styles] == [1.5, 1.5, 0.75]
    assert all(len(style.sha256) == 64 for style in first.styles)
    for again in (("--from-image", "one.png"), ("--recipe", "r.toml")):
        assert told(three("run", *again, "-o", "two.png", "--json")) == first
        assert torch.equal(load_image("one.png").pixels, load_image("two.png").pixels)
    changed = told(three("run", "--from-image", "one.png", "--blend", "1,1,2", "-o", "three.png", "--json"))
    assert changed.blend == (0.25, 0.25, 0.5)
    assert not torch.equal(load_image("one.png").pixels, load_image("three.png").pixels)


@pytest.mark.parametrize("command", ["run", "sweep"])
@pytest.mark.parametrize(
    ("blend", "message"),
    [
        ("0.7", "1 blend weights are given for 2 style images"),
        ("0.7,0.2,0.1", "3 blend weights are given for 2 style images"),
        ("1.2,-0.2", "blend weights must be finite and not negative, not -0.2"),
        ("0,0", "blend weights are all zero"),
        ("nan,1", "blend weights must be finite"),
        ("much,little", "invalid list of numbers 'much,little': write numbers"),
        ("", "invalid list of numbers ''"),
    ],
)
def test_a_blend_that_makes_no_sense_is_refused_before_any_work(three, monkeypatch, command, blend, message):
    monkeypatch.setattr("nst_core.images.store.decode_bytes", lambda *_, **__: pytest.fail("read an image"))
    more = ("--vary", "seed=1,2") if command == "sweep" else ()
    done = three(command, "photo.jpg", "painting.png", "drawing.png", *SMALL, f"--blend={blend}", *more)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


GREYS = '''
from nst_core import ImageTransform, hookimpl

class Greys(ImageTransform):
    """Takes colour away."""

    def __init__(self, strength: float = 1.0):
        self.strength = strength

    def transform(self, image, content):
        return image + self.strength * (image.mean(1, keepdim=True) - image)

@hookimpl
def nst_register_transforms(register):
    register("greys", Greys)
'''


def test_a_transform_of_a_plugin_changes_the_style_images(three, tmp_path):
    install(tmp_path / "site", "greys-package", "greys", "nst_test_greys", GREYS)
    run = ("run", "photo.jpg", "painting.png", "drawing.png", *SMALL, "--json", "-o")
    told(three(*run, "plain.png"))
    grey = told(three(*run, "grey.png", "--style-transform", "greys:strength=0.5"))
    assert {style.transform for style in grey.styles} == {Component("greys", {"strength": 0.5})}
    none = told(three(*run, "none.png", "--style-transform", "greys:0"))
    assert {style.transform for style in none.styles} == {Component("greys", {"strength": 0.0})}
    pixels = {name: load_image(f"{name}.png").pixels for name in ("plain", "grey", "none")}
    assert torch.equal(pixels["plain"], pixels["none"])
    assert not torch.equal(pixels["plain"], pixels["grey"])
    assert told(three("run", "--from-image", "grey.png", "-o", "again.png", "--json")) == grey
    assert torch.equal(load_image("again.png").pixels, pixels["grey"])
    removed = told(three("run", "--from-image", "grey.png", "--style-transform", "none", "-o", "off.png", "--json"))
    assert {style.transform for style in removed.styles} == {None}
    assert torch.equal(load_image("off.png").pixels, pixels["plain"])


def test_textures_of_several_samples(three):
    done = three("texture", "painting.png", "drawing.png", *SMALL, "--blend", "3,1", "-o", "o.png", "--json")
    assert told(done).blend == (0.75, 0.25)


MINE = '''
from nst_core import Preset, hookimpl

class Mine(Preset):
    """Weights of a third party."""

    losses = {"mse-content": 3.0, "w2-style": 20.0}
    initializer = "noise"
    optimizer = "adam"
    extractor = "tiny"
    parametrization = "pixels"

@hookimpl
def nst_register_presets(register):
    register("mine", Mine)
'''


def test_a_preset_of_a_plugin(nst, tmp_path):
    install(tmp_path / "site", "mine-package", "mine", "nst_test_mine", MINE)
    job = told(nst("run", "photo.jpg", "painting.png", "--preset", "mine", "--steps", "2", "--size", "24", "--json"))
    assert {term.loss: term.weight for term in job.terms} == {"mse-content": 3.0, "w2-style": 20.0}
    assert (job.extractor.name, job.initializer.name, job.optimizer.name) == ("tiny", "noise", "adam")
