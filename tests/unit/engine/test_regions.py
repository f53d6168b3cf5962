"""Regions on their way through preparation and run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from masks import part, saved_mask, soft
from PIL import Image
from runs import CONTENT, STYLE, picture, same, with_actions
from tiny import plugin, tiny_registry
from torch import Tensor

from nst_core import (
    Checkpoint,
    FeatureLoss,
    ImageError,
    Job,
    JobError,
    Problem,
    Region,
    Resources,
    Run,
    Session,
    Source,
    StatisticLoss,
    load_job,
    make_job,
    reconstruct,
    run,
    save_image,
    synthesize,
)

REGISTRY = tiny_registry()
STATISTICS = [e.name for e in REGISTRY.entries("loss") if issubclass(e.cls, StatisticLoss) and e.cls.role == "style"]
ON_MAPS = [e.name for e in REGISTRY.entries("loss") if issubclass(e.cls, FeatureLoss) and e.cls.role == "style"]
OTHER = 0.6 * picture(30, 26, 2)
STYLES = [STYLE, OTHER]
HEIGHT, WIDTH = CONTENT.shape[-2:]
LEFT, RIGHT = part(HEIGHT, WIDTH, columns=slice(0, 16)), part(HEIGHT, WIDTH, columns=slice(16, None))


@pytest.fixture
def masks(tmp_path) -> dict[str, str]:
    """Paths of masks of the picture and of both style images."""
    made = {
        "left": LEFT,
        "right": RIGHT,
        "white": torch.ones(HEIGHT, WIDTH),
        "black": torch.zeros(HEIGHT, WIDTH),
        "soft": soft(HEIGHT, WIDTH),
        "top": part(32, 23, rows=slice(0, 16)),
        "bottom": part(32, 23, rows=slice(16, None)),
        "other": part(30, 26, columns=slice(0, 13)),
    }
    return {name: saved_mask(tmp_path / f"{name}.png", mask) for name, mask in made.items()}


def job_of(*regions: str | Region, registry=REGISTRY, styles=STYLES, content=CONTENT, **options) -> Job:
    given = {"preset": "content", "extractor": "tiny", "steps": 6, "precision": "fp32", "device": "cpu"} | options
    if regions:
        given["regions"] = list(regions)
    return make_job(content, styles, session=Session(registry), **given)


def problem_of(
    job: Job, *, session=None, styles=STYLES, content=CONTENT, tile: int | str = "off", number=-1
) -> Problem:
    session = session or Session(REGISTRY)
    prepared = session.prepare(job, content=content, styles=styles, resources=Resources(tile))
    return prepared.problem(number)


def losses_of(job: Job, **more) -> Tensor:
    """Return the losses at a picture that is no target."""
    return problem_of(job, **more).evaluate(picture(HEIGHT, WIDTH, 9))[0].losses


def result_of(job: Job, *, session=None, styles=STYLES, content=CONTENT, **more):
    return run(job, content=content, styles=styles, session=session or Session(REGISTRY), **more)


# What regions mean


@pytest.mark.parametrize("name", [*STATISTICS, *ON_MAPS])
@pytest.mark.parametrize("guide", ["simple", "inside"])
def test_one_region_that_is_everything_equals_none(masks, name, guide):
    options = {"styles": [STYLE], "plugins": [name], "guide": guide}
    plain, whole = (
        problem_of(job_of(*regions, **options), styles=[STYLE]).evaluate(picture(HEIGHT, WIDTH, 9))[0]
        for regions in ((), (f"all={masks['white']}",))
    )
    torch.testing.assert_close(whole.losses, plain.losses, rtol=1e-4, atol=1e-12)
    assert float((whole.gradient - plain.gradient).norm()) <= 1e-4 * float(plain.gradient.norm())


def test_a_run_with_one_region_that_is_everything(masks):
    plain, whole = (
        result_of(job_of(*regions, styles=[STYLE]), styles=[STYLE]) for regions in ((), (f"all={masks['white']}",))
    )
    torch.testing.assert_close(whole.image, plain.image, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", [*STATISTICS, "swd-style"])
def test_the_losses_of_regions_add_up(masks, name):
    options = {"plugins": [name], "outside": "free"}
    both = losses_of(job_of(f"l={masks['left']}", f"r={masks['right']}:style=2,weight=3", **options))
    apart = [
        losses_of(job_of(region, **options))
        for region in (f"l={masks['left']}", f"r={masks['right']}:style=2,weight=3")
    ]
    torch.testing.assert_close(both[1:], apart[0][1:] + apart[1][1:], rtol=1e-4, atol=1e-12)
    light = losses_of(job_of(f"r={masks['right']}:style=2", **options))
    torch.testing.assert_close(3 * light[1:], apart[1][1:], rtol=1e-4, atol=1e-12)


def test_regions_change_nothing_but_the_style(masks):
    plain, found = losses_of(job_of()), losses_of(job_of(f"l={masks['left']}"))
    assert torch.equal(plain[0], found[0])
    assert not torch.isclose(plain[1:], found[1:]).any()


def test_what_no_region_covers_takes_the_first_style_or_nothing(masks):
    rest = losses_of(job_of(f"r={masks['right']}:style=2"))
    named = losses_of(job_of(f"r={masks['right']}:style=2", f"l={masks['left']}", outside="free"))
    torch.testing.assert_close(rest, named, rtol=1e-5, atol=0)
    free = problem_of(job_of(f"r={masks['right']}:style=2", outside="free", content_weight=1e-9))
    gradient = free.evaluate(picture(HEIGHT, WIDTH, 9))[0].gradient.abs()
    assert float(gradient[..., :4].max()) < 1e-5 * float(gradient.max())  # a receptive field away


def test_what_no_region_covers_may_stay_the_photograph(masks):
    found = result_of(job_of(f"r={masks['right']}:style=2", outside="keep", init="noise"))
    assert torch.equal(found.image[..., :16], CONTENT[..., :16])
    assert not torch.isclose(found.image[..., 16:], CONTENT[..., 16:]).all(1).any()


def test_soft_masks_are_shared_by_what_they_cover_and_the_rest(masks):
    found = problem_of(job_of(f"a={masks['soft']}:style=2"))
    value, _ = found.evaluate(picture(HEIGHT, WIDTH, 9))
    assert torch.isfinite(value.losses).all()
    assert torch.isfinite(value.gradient).all()
    plain, all_of_it = losses_of(job_of()), value.losses
    assert not torch.isclose(plain[1:], all_of_it[1:]).any()


def test_a_style_mask_takes_a_part_of_the_style(masks):
    """As if the style image were that part, but for the rows at its edge."""
    half = STYLE[..., :16, :]
    tall = torch.cat([half, torch.ones_like(half)], dim=2)
    options = {"plugins": ["mean-std-style"], "style_layers": ["a"], "guide": "inside"}
    found, whole, other = (
        losses_of(job_of(region, styles=[style], style_scale=max(style.shape) / 32, **options), styles=[style])[1:]
        for region, style in (
            (f"all={masks['white']}:style-mask={masks['top']}", tall),
            (f"all={masks['white']}", half),
            (f"all={masks['white']}", tall),
        )
    )
    torch.testing.assert_close(found, whole, rtol=0.25, atol=0)
    assert not torch.isclose(other, whole, rtol=0.5).any()


def test_regions_keep_their_styles_whatever_the_blend(masks):
    regions = f"l={masks['left']}", f"r={masks['right']}:style=2"
    assert torch.equal(losses_of(job_of(*regions)), losses_of(job_of(*regions, blend=[0, 1])))


def test_inside_is_stricter_than_simple(masks):
    regions = f"l={masks['left']}", f"r={masks['right']}:style=2"
    simple, inside = (losses_of(job_of(*regions, guide=guide)) for guide in ("simple", "inside"))
    assert not torch.isclose(simple[1:], inside[1:]).all()


def test_a_session_tells_the_parts_of_a_style_apart(masks):
    session, parts = Session(REGISTRY), ("", f":style-mask={masks['top']}", f":style-mask={masks['bottom']}")
    found = []
    for guide in ("simple", "inside"):
        for text in (*parts, *parts):
            job = job_of(f"l={masks['left']}{text}", guide=guide, outside="free")
            losses = losses_of(job, session=session)
            assert torch.equal(losses, losses_of(job))
            found.append(tuple(losses.tolist()))
    assert len({*found}) == 6


def test_maps_of_a_session_are_told_apart_by_their_colours(tmp_path):
    """The same files, of which other colours are regions, have other areas."""
    red, blue, violet = (220, 0, 0), (0, 0, 220), (90, 0, 130)
    paths = []
    for name, (height, width) in (("c", (HEIGHT, WIDTH)), ("s", (28, 20))):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:], pixels[:, : width // 3], pixels[:, 2 * width // 3 :] = violet, red, blue
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        paths.append(str(tmp_path / f"{name}.png"))
    session = Session(REGISTRY)
    three = job_of(region_maps=paths)
    two = replace(three, regions=tuple(region for region in three.regions if region.name != "#5a0082"))
    assert (len(three.regions), len(two.regions)) == (3, 2)
    for job in (three, two, three):
        assert torch.equal(losses_of(job, session=session), losses_of(job))


# Tiles


LARGE, LARGE_STYLES = picture(80, 90, 3), [picture(90, 75, 4), 0.5 * picture(70, 101, 5)]
CASES = {
    "regions": {"regions": True},
    "inside": {"regions": True, "guide": "inside"},
    "style masks": {"regions": True, "style_masks": True},
    "keep": {"keep": True},
    "outside keep": {"regions": True, "outside": "keep"},
    "match": {"color": "match", "regions": True},
    "luminance": {"color": "luminance", "keep": True},
    "blend, keep and colour": {"blend": [0.3, 0.7], "keep": True, "color": "match"},
    "all": {"regions": True, "style_masks": True, "keep": True, "color": "match", "outside": "keep"},
    "all in grey": {"regions": True, "style_masks": True, "keep": True, "color": "luminance"},
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("case", CASES)
def test_tiles_equal_the_whole(tmp_path, name, case):
    options = dict(CASES[case])
    texts = []
    if options.pop("regions", False):
        one, two = (saved_mask(tmp_path / f"{n}.png", soft(80, 90, n)) for n in (1, 2))
        texts = [f"one={one}", f"two={two}:style=2,weight=2"]
    if options.pop("style_masks", False):
        texts[0] += f":style-mask={saved_mask(tmp_path / 's1.png', soft(90, 75, 3))}"
        texts[1] += f",style-mask={saved_mask(tmp_path / 's2.png', soft(70, 101, 4))}"
    if options.pop("keep", False):
        options["keep"] = saved_mask(tmp_path / "keep.png", soft(80, 90, 5))
    job = job_of(*texts, styles=LARGE_STYLES, content=LARGE, plugins=[name], size=128, **options)
    found = []
    for tile in ("off", 50):
        problem = problem_of(job, styles=LARGE_STYLES, content=LARGE, tile=tile)
        assert (len(problem.tiling.tiles(80, 90)) > 1) == (tile == 50)
        found.append(problem.evaluate(problem.parametrization.encode(picture(80, 90, 8)))[0])
    whole, tiled = found
    torch.testing.assert_close(tiled.losses, whole.losses, rtol=1e-5, atol=1e-5 * float(whole.losses.max()))
    assert float((tiled.gradient - whole.gradient).norm()) <= 1e-5 * float(whole.gradient.norm())


@pytest.mark.parametrize("name", ON_MAPS)
def test_losses_on_whole_maps_take_regions(masks, name):
    regions = f"l={masks['left']}:style-mask={masks['top']}", f"r={masks['right']}:style=2"
    found = result_of(job_of(*regions, plugins=[name], levels="16,32"))
    assert torch.isfinite(found.image).all()
    assert found.total < found.first_total


# Leakage


@pytest.mark.parametrize("name", ["w2-style", "covariance-style", "mean-std-style", "swd-style", "nn-style"])
@pytest.mark.parametrize("guide", ["simple", "inside"])
def test_regions_keep_to_their_palettes(tmp_path, name, guide):
    """On a flat photograph: beyond a receptive field of the edge, no more than 2 % is nearer to the other palette."""
    height, width, reach = 48, 96, 18

    def painting(channel: int) -> Tensor:
        shade = picture(48, 48, channel)[:, :1]
        pixels = (0.1 + 0.1 * shade).repeat(1, 3, 1, 1)
        pixels[:, channel] = 0.6 + 0.4 * shade[:, 0]
        return pixels

    red, blue = painting(0), painting(2)
    content = torch.full((1, 3, height, width), 0.5)
    half = width // 2
    left = saved_mask(tmp_path / "left.png", part(height, width, columns=slice(0, half)))
    right = saved_mask(tmp_path / "right.png", part(height, width, columns=slice(half, None)))
    options = {"plugins": [name], "guide": guide, "steps": 60, "levels": "off", "size": width, "init": "content"}
    job = job_of(f"l={left}", f"r={right}:style=2", styles=[red, blue], content=content, **options)
    pixels = result_of(job, styles=[red, blue], content=content).image[0].flatten(1).T
    to_red, to_blue = (
        torch.cdist(pixels, style[0].flatten(1).T).amin(1).reshape(height, width)[2:-2] for style in (red, blue)
    )
    # Without the outermost pixels, where the padding of the tiny network is what it sees.
    assert float((to_blue < to_red)[:, 2 : half - reach].float().mean()) < 0.02
    assert float((to_red < to_blue)[:, half + reach : -2].float().mean()) < 0.02


# Masks of every kind


@pytest.mark.parametrize("kind", ["16 bits", "palette", "opacity", "twice the size", "rgb", "bits"])
def test_masks_of_any_mode_depth_and_size(tmp_path, masks, kind):
    values = LEFT.mul(255).byte().numpy()
    path = tmp_path / "again.png"
    if kind == "16 bits":
        Image.fromarray(values.astype(np.uint16) * 257).save(path)
    elif kind == "palette":
        image = Image.fromarray(values // 255, "P")
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.save(path)
    elif kind == "opacity":
        image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0))
        image.putalpha(Image.fromarray(values))
        image.save(path)
    elif kind == "twice the size":
        Image.fromarray(values).resize((2 * WIDTH, 2 * HEIGHT), Image.Resampling.NEAREST).save(path)
    elif kind == "rgb":
        Image.fromarray(values).convert("RGB").save(path)
    else:
        Image.fromarray(values).convert("1").save(path)
    again, plain = (losses_of(job_of(f"l={mask}:style=2")) for mask in (path, masks["left"]))
    torch.testing.assert_close(again, plain, rtol=0.05 if kind == "twice the size" else 1e-5, atol=0)


@pytest.mark.parametrize("use", ["prepare", "plan"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a={folder}/nothing.png", "mask of region 'a' '.*nothing.png' does not exist"),
        ("a={folder}/lef.png", "mask of region 'a' '.*lef.png' does not exist; did you mean '.*left.png'"),
        ("a={folder}", "mask of region 'a' '.*' is a folder"),
        (
            "a={folder}/black.png",
            r"region 'a' covers 0 of the 768 pixels of the picture \(32×24\), and needs at least 64",
        ),
        (
            "a={folder}/tiny.png",
            r"region 'a' covers 12 of the 768 pixels of the picture \(32×24\), and needs at least 64",
        ),
        ("a={folder}/dot.png", "mask of region 'a' '.*dot.png' has a single pixel"),
        ("a={folder}/top.png", "the mask of region 'a' '.*top.png' has 23×32 pixels, but the picture has 32×24"),
        (
            "a={folder}/left.png:style-mask={folder}/left.png",
            "the style mask of region 'a' '.*left.png' has 32×24 pixels, but the style image has 23×32",
        ),
        (
            "a={folder}/left.png:style-mask={folder}/dark.png",
            r"region 'a' covers 0 of the 736 pixels of its style image \(23×32\)",
        ),
        ("a={folder}/left.png:style-mask={folder}/no.png", "style mask of region 'a' '.*no.png' does not exist"),
        ("a={folder}/text.png", "mask of region 'a' '.*text.png' is not an image in a supported format"),
    ],
)
def test_bad_masks_are_explained_before_any_work(masks, tmp_path, use, text, message):
    saved_mask(tmp_path / "tiny.png", part(HEIGHT, WIDTH, slice(3, 6), slice(4, 8)))
    saved_mask(tmp_path / "dark.png", torch.zeros(32, 23))
    saved_mask(tmp_path / "dot.png", torch.ones(1, 1))
    (tmp_path / "text.png").write_text("no image")
    job = job_of(text.format(folder=tmp_path))
    with pytest.raises(ImageError, match=message):
        getattr(Session(REGISTRY), use)(job, content=CONTENT, styles=STYLES)


def test_a_loss_without_weights_is_refused_before_any_image_is_opened():
    class Blind(FeatureLoss):
        def forward(self, features, targets):
            return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)

    registry = tiny_registry(("blind", plugin(losses={"blind": Blind})))
    job = job_of("a=nothing.png", registry=registry, plugins=["blind"])
    with pytest.raises(JobError, match="'blind' compares whole feature maps and knows no regions"):
        Session(registry).prepare(job, content=CONTENT, styles=STYLES)


# What is written down


def test_a_region_is_part_of_the_recipe_with_the_hash_of_its_mask(masks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, pixels in (("photo.png", CONTENT), ("one.png", STYLE), ("two.png", OTHER)):
        save_image(pixels, name)
    options = {"session": Session(REGISTRY), "extractor": "tiny", "steps": 3, "precision": "fp32"}
    regions = [f"l={masks['left']}:style=two,weight=2", f"r={masks['right']}:style-mask={masks['top']}"]
    job = make_job("photo.png", ["one.png", "two.png"], regions=regions, keep=masks["soft"], **options)
    result = run(job, session=Session(REGISTRY))
    assert all(region.mask.sha256 for region in result.job.regions)
    assert result.job.keep.sha256
    assert Job.from_toml(result.recipe).regions == result.job.regions
    result.save("o.png")
    again = load_job("o.png", session=Session(REGISTRY))
    assert torch.equal(run(again, session=Session(REGISTRY)).image, result.image)
    saved_mask(Path(masks["left"]), LEFT.flip(1))
    message = r"mask of region 'l' 'left.png' is not the one the recipe was made with .* restore that file, or give an"
    for use in (Session(REGISTRY).prepare, Session(REGISTRY).pin, Session(REGISTRY).plan):
        with pytest.raises(ImageError, match=message):
            use(again)


def test_a_key_depends_on_the_contents_of_masks_and_not_on_their_paths(masks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, pixels in (("photo.png", CONTENT), ("one.png", STYLE), ("two.png", OTHER)):
        save_image(pixels, name)
    session = Session(REGISTRY)

    def key(**options) -> str:
        given = {"extractor": "tiny", "precision": "fp32", "session": session, **options}
        return session.key(session.pin(make_job("photo.png", ["one.png", "two.png"], **given)))

    copies = {name: str(tmp_path / f"{name}-copy.png") for name in masks}
    for name, path in copies.items():
        Path(path).write_bytes(Path(masks[name]).read_bytes())

    def options(paths: dict[str, str], left="left", top="top", keep="soft") -> dict:
        return {"regions": [f"l={paths[left]}:style-mask={paths[top]}"], "keep": paths[keep]}

    assert key(**options(masks)) == key(**options(copies))
    others = [
        key(),
        key(**options(masks)),
        key(**options(masks, left="right")),
        key(**options(masks, top="bottom")),
        key(**options(masks, keep="left")),
        key(**options(masks), outside="free"),
        key(**options(masks), guide="inside"),
    ]
    assert len({*others}) == len(others)


def test_a_texture_or_reconstruction_from_the_recipe_of_a_pastiche_has_no_regions(masks):
    recipe = job_of(f"l={masks['left']}", keep=masks["soft"], outside="keep")
    options = {"session": Session(REGISTRY), "steps": 2, "init": "noise", "base": recipe}
    texture = synthesize(STYLE, **options)
    assert (texture.job.regions, texture.job.keep) == ((), None)
    found = reconstruct(CONTENT, "b", **options)
    assert (found.job.regions, found.job.keep) == ((), None)
    with pytest.raises(JobError, match="a texture has no content image of which something could be kept"):
        synthesize(STYLE, **options, keep=masks["soft"])


def test_a_texture_has_regions(masks):
    options = {"session": Session(REGISTRY), "extractor": "tiny", "steps": 3, "precision": "fp32", "preset": "noise"}
    found = synthesize(STYLES, shape=(24, 32), regions=[f"l={masks['left']}:style=2"], **options)
    assert found.image.shape == (1, 3, 24, 32)
    assert found.total < found.first_total


# Runs


def begun(options: dict, kept: Path | None = None, **more) -> Run:
    return Session(REGISTRY).run(
        job_of(*options["regions"], **{k: v for k, v in options.items() if k != "regions"}),
        content=CONTENT,
        styles=STYLES,
        checkpoint=Checkpoint(kept, every=0.0) if kept else None,
        **more,
    )


@pytest.mark.parametrize("plugins", [["w2-style"], ["nn-style"]])
@pytest.mark.parametrize("color", ["style", "luminance"])
def test_a_resumed_run_gives_the_same_pixels(masks, tmp_path, plugins, color):
    options = {
        "regions": [f"l={masks['left']}:style=2", f"r={masks['right']}:style-mask={masks['top']}"],
        "keep": masks["soft"],
        "levels": "16,24,32",
        "steps": 8,
        "plugins": plugins,
        "color": color,
    }
    whole = with_actions(begun(options), {})
    kept = tmp_path / "run.ckpt"
    for number in (3, 8, 15):  # within a level, between two, and in the last one
        with_actions(begun(options, kept), {number: lambda run: run.cancel()})
    same(with_actions(begun(options, kept), {}), whole)


def test_what_was_found_in_maps_is_said(tmp_path):
    paths = []
    for name, (height, width) in (("c", (HEIGHT, WIDTH)), ("s", (28, 20))):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:], pixels[:, : width // 4] = (0, 0, 255), (255, 0, 0)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        paths.append(str(tmp_path / f"{name}.png"))
    job = job_of(region_maps=paths)
    found = Session(REGISTRY).prepare(job, content=CONTENT, styles=STYLES).remarks
    assert [remark for remark in found if remark.startswith("the map")] == [
        f"the map '{path}' has 2 regions: #0000ff 75.0 %, #ff0000 25.0 %" for path in paths
    ]
    assert result_of(job).total < result_of(job).first_total
    plain = Session(REGISTRY).prepare(job_of(), content=CONTENT, styles=STYLES).remarks
    assert not [remark for remark in plain if remark.startswith("the map")]


def test_masks_are_those_of_their_place_in_a_recipe(masks):
    """A job that is built by hand and one with options are equal."""
    by_hand = replace(job_of(), regions=(Region("l", Source(masks["left"]), 2),))
    assert by_hand == job_of(f"l={masks['left']}:style=2")


# What goes with regions, and what does not


def test_a_region_may_take_the_blend(masks):
    """Everything in one region is as without regions; the shares of a blend that no region takes are remarked."""
    everything = job_of(f"all={masks['white']}:style=blend", blend=[0.7, 0.3])
    torch.testing.assert_close(losses_of(everything), losses_of(job_of(blend=[0.7, 0.3])), rtol=1e-5, atol=0)
    other = job_of(f"all={masks['white']}:style=blend", blend=[0.3, 0.7])
    assert not torch.isclose(losses_of(everything)[1:], losses_of(other)[1:]).any()
    unused = job_of(f"l={masks['left']}:style=2", blend=[0.7, 0.3])
    said = [Session(REGISTRY).prepare(job, content=CONTENT, styles=STYLES).remarks for job in (everything, unused)]
    assert [any("no region takes the blend" in remark for remark in remarks) for remarks in said] == [False, True]
    with pytest.raises(JobError, match="takes the blend of all styles, and a style mask"):
        job_of(f"l={masks['left']}:style=blend,style-mask={masks['top']}")


def test_a_recipe_with_regions_takes_fewer_styles_with_regions_of_their_own(masks):
    recipe = job_of(f"l={masks['left']}:style=2")
    for regions, expected in ((["none"], ()), ([f"r={masks['right']}"], ("r",))):
        found = make_job(CONTENT, STYLE, base=recipe, session=Session(REGISTRY), regions=regions)
        assert tuple(region.name for region in found.regions) == expected
    with pytest.raises(JobError, match="takes style 2, but there"):
        make_job(CONTENT, STYLE, base=recipe, session=Session(REGISTRY))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mask": "sky.png"}, "mask of region 'a' must be a Source"),
        ({"style_mask": "sky.png"}, "style mask of region 'a' must be a Source"),
        ({"style": "blue"}, "style of region 'a' must be its number"),
        ({"weight": "x"}, "weight of region 'a' must be a number"),
    ],
)
def test_regions_of_programs_are_checked(given, message):
    with pytest.raises(JobError, match=message):
        Region("a", **{"mask": Source("sky.png"), **given})


def test_what_is_said_about_regions_without_any_is_remarked():
    remarks = Session(REGISTRY).prepare(job_of(outside="free"), content=CONTENT, styles=STYLES).remarks
    assert any("--outside and --guide have no effect" in remark for remark in remarks)


def test_a_photograph_that_is_transparent_nearly_everywhere_is_refused():
    cut_out = Image.new("RGBA", (64, 48), (200, 100, 50, 0))
    cut_out.paste((200, 100, 50, 255), (0, 46, 20, 48))
    job = job_of(content=cut_out, size=64)
    with pytest.raises(ImageError, match="transparent but for 40 of its 3072 pixels"):
        Session(REGISTRY).prepare(job, content=cut_out, styles=STYLES)


def test_a_layer_that_sees_nothing_of_a_photograph_has_no_content_loss():
    """Its last rows lie in none of its cells."""
    cut_out = Image.new("RGBA", (64, 47), (200, 100, 50, 0))
    cut_out.paste((200, 100, 50, 255), (0, 44, 64, 47))
    job = job_of(content=cut_out, size=64, levels="off", content_layers=["c"])
    problem = Session(REGISTRY).prepare(job, content=cut_out, styles=STYLES).problem()
    found = problem.evaluate()[0]
    assert found.losses[0] == 0
    assert bool(torch.isfinite(found.gradient).all())
