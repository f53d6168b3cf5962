"""Options written as a person types them are read back as they were."""

from __future__ import annotations

import pytest
from typer.main import get_command

from nst_cli.main import build_app
from nst_cli.options.writing import arguments, command_line
from nst_core import Region, Source, make_job
from nst_core.options.table import options_table

GIVEN = [
    {"strength": 0.7},
    {"fast": True, "size": 300, "seed": 4, "enlarge": True, "normalize_gradients": False},
    {"levels": "auto"},
    {"levels": [64, 128]},
    {"blend": [0.25, 0.75], "style_scale": [1.0, 1.5]},
    {"plugins": ["tv:weight=3", "swd-style:directions=16"], "without": ["mse-content"]},
    {"content_layers": ["conv3_2"], "style_layers": ["conv1_2", "conv2_2=2.0"]},
    {"regions": ["sky=photo.jpg:style=2"], "outside": "free", "keep": "photo.jpg", "color": "match:method=pca"},
    {"optimizer": "adam:learning_rate=0.05", "init": 'image:path="a,b.jpg"'},
]


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: "-".join(given))
def test_what_is_written_is_read_back(nst, given):
    expected = make_job("photo.jpg", ["painting.png", "photo.jpg"], **given)
    context = (
        get_command(build_app("run"))
        .commands["run"]
        .make_context("run", ["photo.jpg", "painting.png", "photo.jpg", *arguments(given)])
    )
    rows = options_table()
    read = {
        name: rows[name].type.from_cli(value)
        for name, value in context.params.items()
        if name in rows and value not in (None, [], ())
    }
    assert make_job("photo.jpg", ["painting.png", "photo.jpg"], **read) == expected


@pytest.mark.parametrize(
    ("region", "written"),
    [
        (Region("a", Source("m.png")), "a=m.png"),
        (Region("a", Source("m.png"), 0), "a=m.png:style=blend"),
        (
            Region("a", Source("m.png"), 2, Source("s.png"), weight=1.5),
            "a=m.png:style=2,style-mask=s.png,weight=1.5",
        ),
    ],
)
def test_regions_are_written_as_they_are_read(region, written):
    assert arguments({"regions": [region]}) == ["--region", written]
    job = make_job("photo.jpg", ["one.png", "two.png"], regions=[written])
    assert job.regions == (region,)


def test_a_shell_reads_the_words_back():
    assert command_line("nst", "run", "my photo.jpg") == "nst run 'my photo.jpg'"


def test_maps_are_written_with_commas():
    assert arguments({"region_maps": ["a.png", "b.png", "c.png"]}) == ["--regions", "a.png", "b.png,c.png"]
