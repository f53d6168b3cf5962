"""Regions and what is kept, as a person writes them."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFilter

from nst_core import Job, JobError, Region, Session, Source, make_job
from nst_core.experiments.sweep import parse_variation, varied_job

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def session(registry) -> Session:
    return Session(registry)


def job(session: Session, *, styles=("moon.jpg", "art/waves.png"), **options) -> Job:
    return make_job("photo.jpg", list(styles), session=session, extractor="tiny", **options)


# Regions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sky=sky.png", Region("sky", Source("sky.png"))),
        ("sky=sky.png:style=2", Region("sky", Source("sky.png"), 2)),
        ("sky=sky.png:style=waves", Region("sky", Source("sky.png"), 2)),
        ("sky=sky.png:style=waves.png", Region("sky", Source("sky.png"), 2)),
        ("sky=sky.png:style=art/waves.png", Region("sky", Source("sky.png"), 2)),
        ("sky=sky.png:weight=2.5", Region("sky", Source("sky.png"), weight=2.5)),
        (
            "sky=sky.png:style=2,style-mask=clouds.png,weight=3",
            Region("sky", Source("sky.png"), 2, Source("clouds.png"), weight=3.0),
        ),
        ("a b=C:\\masks\\a,b=c.png:style-mask=D:\\x,y.png", None),
        ("sky=sample:landscape:style=2", Region("sky", Source("sample:landscape"), 2)),
    ],
)
def test_a_region_is_a_name_a_mask_and_what_it_takes(session, text, expected):
    (found,) = job(session, regions=[text]).regions
    if expected is None:
        expected = Region("a b", Source("C:\\masks\\a,b=c.png"), style_mask=Source("D:\\x,y.png"))
    assert found == expected


def test_regions_are_values_in_python(session):
    region = Region("sky", Source("sky.png"), 2)
    assert job(session, regions=[region, "ground=ground.png"]).regions == (
        region,
        Region("ground", Source("ground.png")),
    )


def test_regions_of_a_recipe_are_replaced_or_removed(session):
    recipe = job(session, regions=["sky=sky.png"], keep="face.png", outside="free", guide="inside")
    again = Job.from_toml(recipe.to_toml())
    assert again == recipe
    changed = make_job(base=again, session=session, regions=["sea=sea.png:style=2"])
    assert [region.name for region in changed.regions] == ["sea"]
    assert (changed.keep, changed.outside, changed.guide) == (Source("face.png"), "free", "inside")
    removed = make_job(base=again, session=session, regions=["none"], keep="none")
    assert (removed.regions, removed.keep) == ((), None)
    assert make_job(base=again, session=session, regions=[]).regions == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sky", "a region must be written NAME=MASK or NAME=MASK:style=2,style-mask=FILE, not 'sky'"),
        ("=sky.png", "a region must be written NAME=MASK"),
        ("sky=", "a region must be written NAME=MASK"),
        ("sky=sky.png:styl=2", "unknown key of region 'sky': 'styl'; did you mean 'style'"),
        ("sky=sky.png:style=2,wight=3", "unknown key of region 'sky': 'wight'; did you mean 'weight'"),
        ("sky=sky.png:style=0", "region 'sky' names style '0', which none is called; give its number, 1 to"),
        ("sky=sky.png:style=5", "region 'sky' takes style 5, but there are 2 style images"),
        ("sky=sky.png:style=" + "9" * 40, "region 'sky' takes style 9999"),
        ("sky=sky.png:style=sun", "region 'sky' names style 'sun', which none is called; give its number, 1 to 2"),
        ("sky=sky.png:style=", "'style' of region 'sky' has no value; write style=VALUE, or leave it out"),
        ("sky=sky.png:style-mask=", "'style-mask' of region 'sky' has no value"),
        ("sky=sky.png:weight=much", "the weight of region 'sky' must be a number, not 'much'"),
        ("sky=sky.png:weight=0", r"the weight of region 'sky' must be positive and finite, not 0\.0"),
        ("sky=sky.png:weight=nan", "the weight of region 'sky' must be positive and finite, not nan"),
    ],
)
def test_what_is_no_region_is_explained(session, text, message):
    with pytest.raises(JobError, match=message):
        job(session, regions=[text])


def test_names_are_unique_and_clear(session):
    with pytest.raises(JobError, match="two regions are called 'sky'; give each a name of its own"):
        job(session, regions=["sky=a.png", "sky=b.png"])
    with pytest.raises(JobError, match="names style 'a', which several are called; give its number, 1 to 2"):
        job(session, styles=["x/a.jpg", "y/a.png"], regions=["sky=sky.png:style=a"])
    with pytest.raises(JobError, match=r"region 'sky' takes style 2, but there is 1 style image$"):
        job(session, styles=["a.jpg"], regions=["sky=sky.png:style=2"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": "sky=sky.png"}, "the option 'regions' must be a list of strings or Region values"),
        ({"regions": [3]}, "the option 'regions' must be a list of strings or Region values"),
        ({"region_maps": "map.png"}, "the option 'region_maps' must be a list of two paths or more"),
        ({"region_maps": ["map.png"]}, "--regions needs two maps: of the content image, and of the style image"),
        ({"outside": "other"}, "outside must be style, keep or free, not 'other'"),
        ({"guide": "soft"}, "the guide of regions must be simple or inside, not 'soft'"),
        ({"keep": 3}, "the option 'keep' must be a string"),
    ],
)
def test_values_that_make_no_sense_are_refused(session, options, message):
    with pytest.raises(JobError, match=message):
        job(session, **options)


# Maps


def draw(path, *areas, size=(60, 40), blur: float = 0.0) -> str:
    """Save a map: the first colour everywhere, each other one in a box."""
    image = Image.new("RGB", size, areas[0])
    for color, box in areas[1:]:
        ImageDraw.Draw(image).rectangle(box, fill=color)
    image.filter(ImageFilter.GaussianBlur(blur)).save(path)
    return str(path)


LEFT, TOP = (0, 0, 19, 39), (30, 0, 59, 9)


def test_areas_of_equal_colour_belong_together(session, tmp_path):
    content = draw(tmp_path / "c.png", BLUE, (RED, LEFT), (GREEN, TOP))
    style = draw(tmp_path / "s.png", GREEN, (RED, TOP), (BLUE, LEFT), size=(40, 60))
    found = job(session, region_maps=[content, style]).regions
    assert found == tuple(
        Region(name, Source(content), 1, Source(style), name) for name in ("#0000ff", "#ff0000", "#00ff00")
    )


def test_colours_may_be_a_little_different_and_edges_soft(session, tmp_path):
    content = draw(tmp_path / "c.png", BLUE, (RED, LEFT), blur=0.7)
    style = draw(tmp_path / "s.jpg", (200, 40, 30), ((20, 30, 220), LEFT), blur=0.7)
    found = job(session, region_maps=[content, style]).regions
    assert {region.name for region in found} == {"#0000ff", "#ff0000"}


def test_every_colour_takes_the_nearest_of_several_style_maps(session, tmp_path):
    content = draw(tmp_path / "c.png", BLUE, (RED, LEFT), (GREEN, TOP))
    one = draw(tmp_path / "1.png", BLUE, ((230, 0, 0), LEFT))
    two = draw(tmp_path / "2.png", GREEN, (RED, LEFT))
    found = {region.name: region for region in job(session, region_maps=[content, one, two]).regions}
    taken = {name: (region.style, region.style_mask.path) for name, region in found.items()}
    assert taken == {"#0000ff": (1, one), "#ff0000": (2, two), "#00ff00": (2, two)}


@pytest.mark.parametrize(
    ("content", "style", "lost"),
    [
        ([BLUE, (RED, LEFT)], [BLUE], "#ff0000"),
        ([BLUE], [BLUE, (RED, LEFT)], "#ff0000"),
        ([BLUE, (RED, LEFT)], [BLUE, (GREEN, LEFT)], "#00ff00, #ff0000"),
        # Both are like the one blue of the style, whose pixels belong to the nearer.
        ([BLUE, ((0, 70, 255), LEFT)], [BLUE], "#0046ff"),
    ],
)
def test_colours_without_a_counterpart_are_an_error_that_lists_both_sides(session, tmp_path, content, style, lost):
    paths = [draw(tmp_path / "c.png", *content), draw(tmp_path / "s.png", *style)]
    with pytest.raises(JobError) as caught:
        job(session, region_maps=paths)
    said = str(caught.value)
    assert f"Without a counterpart: {lost}; give areas that belong together the same colour in both maps" in said
    for path, areas in zip(paths, (content, style), strict=True):
        assert f"the map '{path}' has the colours" in said
        for color in (areas[0], *(area[0] for area in areas[1:])):
            assert "#{:02x}{:02x}{:02x}".format(*color) in said


def test_regions_are_given_once_and_maps_only_for_styles_that_there_are(session, tmp_path):
    path = draw(tmp_path / "c.png", BLUE)
    with pytest.raises(JobError, match="give --region or --regions, not both"):
        job(session, region_maps=[path, path], regions=["sky=sky.png"])
    with pytest.raises(JobError, match="there are 3 maps of style images, but 2 style images"):
        job(session, region_maps=[path] * 4)


# Sweeps


def test_regions_and_their_options_can_be_varied(session, registry, tmp_path):
    base = job(session)
    content, style = draw(tmp_path / "c.png", BLUE), draw(tmp_path / "s.png", BLUE)

    def varied(key: str, text: str) -> list[Job]:
        values = parse_variation(f"{key}={text}", base, registry).values
        return [varied_job(session, None, None, base, {}, {key: value}) for value in values]

    assert [each.outside for each in varied("outside", "style,keep,free")] == ["style", "keep", "free"]
    assert [each.guide for each in varied("guide", "simple,inside")] == ["simple", "inside"]
    assert [each.keep for each in varied("keep", "none,face.png")] == [None, Source("face.png")]
    found = varied("region", 'sky=a.png:style=2+sea=b.png,"sky=a.png:style=1,weight=2",none')
    assert [[(r.name, r.style, r.weight) for r in each.regions] for each in found] == [
        [("sky", 2, 1.0), ("sea", 1, 1.0)],
        [("sky", 1, 2.0)],
        [],
    ]
    assert [len(each.regions) for each in varied("regions", f"{content}+{style}")] == [1]
