"""KEY=v1,v2,… over what can be chosen of a job."""

from __future__ import annotations

import pytest

from nst_core import JobError, Registry, Session, UnknownNameError
from nst_core.experiments.layout import grid_sheet, sweep_sheets
from nst_core.experiments.sweep import Variation, parse_variation, product, varied_job

BASE = {"extractor": "tiny"}


def one(registry: Registry, **choice: str):
    return varied_job(
        Session(registry), "p.jpg", ["s.jpg"], None, BASE, {k.replace("__", "."): v for k, v in choice.items()}
    )


def parsed(registry: Registry, text: str) -> Variation:
    return parse_variation(text, one(registry), registry)


def test_every_kind_of_key_changes_its_field(registry):
    job = one(registry)
    changes = {
        "content.layers": ("a+c", lambda j: j.terms[0].layers == ("a", "c")),
        "style.layers": ("b=2", lambda j: (j.terms[1].layers, j.terms[1].layer_weights) == (("b",), (2.0,))),
        "content.weight": ("3", lambda j: j.terms[0].weight == 3),
        "style.weight": ("1e5", lambda j: j.terms[1].weight == 1e5),
        "seed": ("7", lambda j: j.seed == 7),
        "steps": ("9", lambda j: j.steps == 9),
        "size": ("33", lambda j: j.size == 33),
        "enlarge": ("true", lambda j: j.enlarge),
        "style_scale": ("2", lambda j: j.styles[0].scale == 2.0),
        "levels": ("128+256+400", lambda j: (j.levels, j.size) == ((128, 256), 400)),
        "normalize_gradients": ("true", lambda j: j.normalize_gradients),
        "precision": ("fp32", lambda j: j.precision == "fp32"),
        "device": ("cpu", lambda j: j.device == "cpu"),
        "preset": ("noise", lambda j: (j.initializer.name, j.terms[0].weight) == ("noise", 100)),
        "init": ("noise:amplitude=0.2", lambda j: j.initializer.params == {"amplitude": 0.2}),
        "optimizer": ("adam", lambda j: j.optimizer.name == "adam"),
        "extractor": ("vgg19", lambda j: (j.extractor.name, j.terms[0].layers) == ("vgg19", ("conv3_4",))),
        "plugin": ("tv:weight=5", lambda j: j.terms[2].weight == 5),
        "content": ("other.jpg", lambda j: j.content.path == "other.jpg"),
        "style": ("other.jpg", lambda j: j.styles[0].path == "other.jpg"),
        "optimizer.history": ("4", lambda j: j.optimizer.params == {"history": 4}),
        "style.blur": ("0.1", lambda j: j.terms[1].params == {"blur": 0.1}),
        "strength": ("0.75", lambda j: j.strength == 0.75),
        "content.reduction": ("sum", lambda j: j.terms[0].params == {"reduction": "sum"}),
    }
    two = varied_job(Session(registry), "p.jpg", ["s.jpg", "t.jpg"], None, BASE, {"style_scale": "1+2"})
    assert [style.scale for style in two.styles] == [1.0, 2.0]
    for key, (value, holds) in changes.items():
        assert parsed(registry, f"{key}={value}") == Variation(key, (value,))
        changed = varied_job(Session(registry), "p.jpg", ["s.jpg"], None, BASE, {key: value})
        assert holds(changed), key
        assert changed != job, key


def test_values_in_quotes_may_hold_commas(registry):
    """Those of components stay in quotes, for whoever reads the component."""
    images = 'image:path="a,b.jpg"'
    assert parsed(registry, f"init={images},noise:kind=uniform,amplitude=0.2").values == (
        images,
        "noise:kind=uniform,amplitude=0.2",
    )
    assert one(registry, init=images).initializer.params == {"path": "a,b.jpg"}
    assert parsed(registry, 'content="a,b.jpg",c.jpg').values == ("a,b.jpg", "c.jpg")


def test_a_parameter_of_a_component_that_varies_too(registry):
    assert one(registry, init="noise", init__amplitude="0.3").initializer.params == {"amplitude": 0.3}
    with pytest.raises(UnknownNameError, match=r"unknown key to vary 'init.amplitude'"):
        one(registry, init="content", init__amplitude="0.3")


@pytest.mark.parametrize("key", ["content.leyers", "colour", "sead"])
def test_unknown_keys_list_the_valid_ones(registry, key):
    with pytest.raises(UnknownNameError) as error:
        parsed(registry, f"{key}=1,2")
    for known in ("content.layers", "style.weight", "seed", "plugin", "style.rank", "optimizer.history"):
        assert known in str(error.value)


@pytest.mark.parametrize("text", ["seed", "seed=", "seed=0,,1", "seed=0,0"])
def test_what_is_not_a_list_of_different_values_is_refused(registry, text):
    with pytest.raises(JobError):
        parsed(registry, text)


@pytest.mark.parametrize(
    "choice",
    [
        {"seed": "x"},
        {"size": "1.5"},
        {"style__weight": "much"},
        {"preset": "x"},
        {"levels": "512+256"},
        {"normalize_gradients": "yes"},
    ],
)
def test_values_of_the_wrong_kind_are_refused(registry, choice):
    with pytest.raises(JobError):
        one(registry, **choice)


def test_commas_inside_a_component_belong_to_it(registry):
    text = "init=content,noise:kind=uniform,amplitude=0.2,noise"
    assert parsed(registry, text).values == ("content", "noise:kind=uniform,amplitude=0.2", "noise")
    assert parsed(registry, "style.layers=a=2+b,c").values == ("a=2+b", "c")


def test_the_product_varies_the_last_key_fastest_and_lays_it_across(registry):
    variations = [Variation("preset", ("content", "noise")), Variation("seed", ("0", "1")), Variation("steps", ("5",))]
    assert [tuple(c.values()) for c in product(variations)][:2] == [("content", "0", "5"), ("content", "1", "5")]
    sheets = sweep_sheets(variations, lambda choice: varied_job(Session(registry), "p", ["s"], None, BASE, choice))
    assert [s.title for s in sheets] == ["preset=content", "preset=noise"]
    assert [(s.row_axis, s.rows, s.column_axis, s.columns) for s in sheets] == [
        ("seed", ["0", "1"], "steps", ["5"])
    ] * 2
    with pytest.raises(JobError, match="twice"):
        product([Variation("seed", ("0",)), Variation("seed", ("1",))])
    with pytest.raises(JobError, match="nothing to vary"):
        sweep_sheets([], lambda _: one(registry))


def test_a_grid_has_every_pair_and_tells_equal_names_apart(registry):
    sheet = grid_sheet(
        ["x/a.jpg", "y/a.jpg"], ["s.png", "sample:brushwork"], lambda c, s: one(registry, content=c, style=s)
    )
    assert (sheet.rows, sheet.columns) == (["x/a.jpg", "y/a.jpg"], ["s", "brushwork"])
    assert [(c.job.content.path, c.job.styles[0].path) for c in sheet.cells][1] == ("x/a.jpg", "sample:brushwork")
    with pytest.raises(JobError, match="twice"):
        grid_sheet(["a", "a"], ["b"], lambda *_: one(registry))
