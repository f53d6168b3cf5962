"""What a person chooses, laid over a job."""

from __future__ import annotations

import pytest
from tiny import plugin, tiny_registry

from nst_core import Component, ImageTransform, Job, JobError, Preset, Session, Source, StatisticLoss, Term, make_job
from nst_core.options.build import default_job, set_component, set_field, with_levels, with_size
from nst_core.options.context import Context
from nst_core.options.losses import parse_layers


class Grey(ImageTransform):
    """No colours."""

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def transform(self, image, content):
        return image.mean(1, keepdim=True).expand_as(image) * self.strength + image * (1 - self.strength)


class Means(StatisticLoss):
    """A style loss with a weight of its own."""

    default_weight = 7.0

    def statistic(self, feature, weight=None):
        raise NotImplementedError

    def criterion(self, statistic, target, channels):
        raise NotImplementedError


class Mine(Preset):
    """A preset of a third party, with a loss of its own."""

    losses = {"mse-content": 2.0, "means": 21.0}  # noqa: RUF012
    initializer = "noise"
    optimizer = "adam"
    extractor = "tiny"
    parametrization = "pixels"


@pytest.fixture
def registry():
    parts = plugin(transforms={"grey": Grey}, losses={"means": Means}, presets={"mine": Mine})
    return tiny_registry(("mine", parts))


@pytest.fixture
def context(registry) -> Context:
    return Context(registry, {})


def made(registry, *styles: str, **options) -> Job:
    return make_job("a.jpg", list(styles or ("b.jpg",)), session=Session(registry), **{"extractor": "tiny"} | options)


def weights(job: Job) -> dict[str, float]:
    return {term.loss: term.weight for term in job.terms}


# Blends.


def test_styles_have_equal_shares_unless_told_otherwise(registry):
    assert made(registry, "b.jpg", "c.jpg").blend == (0.5, 0.5)
    assert made(registry, "b.jpg", "c.jpg", "d.jpg").blend == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert [style.weight for style in made(registry, "b.jpg", "c.jpg").styles] == [1.0, 1.0]


def test_shares_are_divided_by_their_sum(registry):
    job = made(registry, "b.jpg", "c.jpg", blend=[7, 3])
    assert [style.weight for style in job.styles] == [7.0, 3.0]
    assert job.blend == pytest.approx((0.7, 0.3))
    assert made(registry, "b.jpg", "c.jpg", blend=[1, 0]).blend == (1.0, 0.0)


@pytest.mark.parametrize(
    ("blend", "message"),
    [
        ([0.7], "1 blend weights are given for 2 style images; give one for each style"),
        ([0.7, 0.2, 0.1], "3 blend weights are given for 2 style images"),
        ([1.2, -0.2], "blend weights must be finite and not negative, not -0.2"),
        ([0.5, float("nan")], "must be finite and not negative, not nan"),
        ([0.5, float("inf")], "must be finite and not negative, not inf"),
        ([0, 0], "blend weights are all zero; give at least one style a positive weight"),
    ],
)
def test_shares_that_make_no_sense_are_explained(registry, blend, message):
    with pytest.raises(JobError, match=message):
        made(registry, "b.jpg", "c.jpg", blend=blend)


def test_shares_stay_with_a_recipe_as_long_as_they_fit(registry):
    base = made(registry, "b.jpg", "c.jpg", blend=[0.7, 0.3], style_scale=1.5, style_transform="grey")
    session = Session(registry)
    assert make_job(base=base, session=session, steps=3).blend == base.blend
    two = make_job("a.jpg", ["d.jpg", "e.jpg"], base=base, session=session)
    assert [(style.path, style.weight) for style in two.styles] == [("d.jpg", 0.7), ("e.jpg", 0.3)]
    each = make_job("a.jpg", ["d.jpg", "e.jpg"], base=make_job(base=base, session=session, style_scale=[1, 2]))
    assert [style.scale for style in each.styles] == [1.0, 2.0]
    three = make_job("a.jpg", ["d.jpg", "e.jpg", "f.jpg"], base=base, session=session)
    assert three.blend == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert {(style.scale, style.transform) for style in three.styles} == {(1.5, Component("grey"))}


# Style images.


def test_scale_and_transform_hold_for_all_styles(registry):
    job = made(registry, "b.jpg", "c.jpg", style_scale=2, style_transform="grey:0.5")
    assert {style.scale for style in job.styles} == {2.0}
    assert {style.transform for style in job.styles} == {Component("grey", {"strength": 0.5})}
    none = make_job(base=job, session=Session(registry), style_transform="none")
    assert {style.transform for style in none.styles} == {None}


def test_every_style_may_have_a_scale_of_its_own(registry):
    job = made(registry, "b.jpg", "c.jpg", style_scale=(1, 2.5))
    assert [style.scale for style in job.styles] == [1.0, 2.5]
    assert Job.from_toml(job.to_toml()) == job
    assert {style.scale for style in make_job(base=job, session=Session(registry), style_scale=[3]).styles} == {3.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style_scale": [1, 2, 3]}, "3 style scales are given for 2 style images; give one for each style, or one"),
        ({"style_scale": []}, "0 style scales are given for 2 style images"),
        ({"style_scale": [1, 0]}, "scale of a style image must be positive and finite, not 0"),
        ({"style_scale": 0}, "scale of a style image must be positive and finite, not 0"),
        ({"style_scale": float("nan")}, "scale of a style image must be positive"),
        ({"style_transform": "gray"}, "unknown transform 'gray'; did you mean 'grey'"),
        ({"style_transform": "grey:strength=much"}, "'strength' of 'grey' must be a number, not 'much'"),
    ],
)
def test_scales_and_transforms_that_make_no_sense_are_explained(registry, options, message):
    with pytest.raises(JobError, match=message):
        made(registry, "b.jpg", "c.jpg", **options)


def test_a_scale_that_makes_no_sense_is_refused_without_styles_too(registry):
    with pytest.raises(JobError, match="scale of a style image"):
        make_job("a.jpg", session=Session(registry), style_scale=-1)


# Presets.


def test_the_default_job_is_the_default_preset(registry):
    job = default_job(registry, extractor="tiny")
    assert weights(job) == {"mse-content": 10.0, "w2-style": 30.0}
    names = (job.extractor.name, job.initializer.name, job.optimizer.name, job.parametrization.name)
    assert names == ("tiny", "content", "lbfgs", "pixels")


def test_a_preset_of_a_third_party_is_taken_as_it_is(registry):
    job = make_job("a.jpg", "b.jpg", session=Session(registry), preset="mine")
    assert weights(job) == {"mse-content": 2.0, "means": 21.0}
    names = (job.extractor.name, job.initializer.name, job.optimizer.name, job.parametrization.name)
    assert names == ("tiny", "noise", "adam", "pixels")
    assert [term.layers for term in job.terms] == [("b",), ("a", "b", "c")]


def test_other_losses_get_the_emphasis_of_the_preset(registry):
    """Means has three times its usual weight there, so the Gram loss has three times its own."""
    assert weights(made(registry, plugins=["means"])) == {"mse-content": 10.0, "means": 7.0}
    job = make_job("a.jpg", "b.jpg", session=Session(registry), preset="mine", plugins=["gram-style"])
    assert weights(job) == {"mse-content": 2.0, "gram-style": pytest.approx(3e7)}


def test_a_preset_brings_layers_and_parameters_of_its_losses_and_a_schedule():
    class Layered(Mine):
        losses = {"mse-content": 2.0, "gram-style": 3.0, "tv": 4.0}  # noqa: RUF012
        layers = {"gram-style": ("a", "c=0.5")}  # noqa: RUF012
        params = {"gram-style": {"normalization": "gatys"}}  # noqa: RUF012
        levels = "off"
        steps = 7

    class Elsewhere(Layered):
        layers = {"gram-style": ("conv1_1",)}  # noqa: RUF012 - a layer that this network has not

    registry = tiny_registry(("mine", plugin(presets={"layered": Layered, "elsewhere": Elsewhere})))
    fresh = make_job("a.jpg", "b.jpg", session=Session(registry), preset="layered")
    later = make_job(base=made(registry, plugins=["tv"]), session=Session(registry), preset="layered")
    for job in (fresh, later):
        assert weights(job) == {"mse-content": 2.0, "gram-style": 3.0, "tv": 4.0}
        style = job.terms[1]
        assert (style.layers, style.layer_weights, style.params) == (
            ("a", "c"),
            (1.0, 0.5),
            {"normalization": "gatys"},
        )
        assert (job.levels, job.steps) == ((), 7)
    other = make_job("a.jpg", "b.jpg", session=Session(registry), preset="elsewhere")
    assert other.terms[1].layers == ("a", "b", "c")


def test_the_network_for_a_quick_look_is_the_preset_s():
    class Quick(Mine):
        extractor = "vgg19"
        quick_extractor = "tiny"

    registry = tiny_registry(("mine", plugin(losses={"means": Means}, presets={"quick": Quick, "mine": Mine})))
    session = Session(registry)
    job = make_job("a.jpg", "b.jpg", session=session, preset="quick", fast=True)
    assert (job.extractor.name, job.terms[1].layers) == ("tiny", ("a", "b", "c"))
    slow = make_job("a.jpg", "b.jpg", session=session, preset="quick", fast=False)
    assert slow.extractor.name == "vgg19"
    for options, message in (
        ({"preset": "quick", "extractor": "vgg19"}, "omit it, or --extractor"),
        ({"preset": "quick", "weights": "mine"}, "omit it, or --weights"),
        ({"preset": "mine"}, "has no network for a quick look; choose one with --extractor"),
    ):
        with pytest.raises(JobError, match=message):
            make_job("a.jpg", "b.jpg", session=session, fast=True, **options)


def test_normalized_weights_have_the_emphasis_of_the_preset(registry):
    job = make_job("a.jpg", "b.jpg", session=Session(registry), preset="mine", normalize_gradients=True)
    assert weights(job) == {"mse-content": pytest.approx(0.2), "means": pytest.approx(30.0)}
    back = make_job(base=job, session=Session(registry), normalize_gradients=False)
    assert weights(back) == {"mse-content": pytest.approx(2.0), "means": pytest.approx(21.0)}


def test_a_preset_may_say_its_normalized_weights():
    class Steady(Mine):
        normalized = {"style": 4.0}  # noqa: RUF012

    registry = tiny_registry(("mine", plugin(losses={"means": Means}, presets={"steady": Steady})))
    chosen = {"session": Session(registry), "preset": "steady"}
    job = make_job("a.jpg", "b.jpg", **chosen, normalize_gradients=True)
    assert weights(job) == {"mse-content": pytest.approx(0.2), "means": pytest.approx(4.0)}
    normalized = make_job("a.jpg", "b.jpg", session=Session(registry), extractor="tiny", normalize_gradients=True)
    job = make_job(base=normalized, **chosen)
    assert weights(job) == {"mse-content": pytest.approx(0.2), "means": pytest.approx(4.0)}


def test_a_preset_that_names_what_is_not_there_is_explained():
    class Broken(Mine):
        losses = {"no-such-loss": 1.0}  # noqa: RUF012

    registry = tiny_registry(("mine", plugin(presets={"mine": Broken})))
    with pytest.raises(JobError, match="unknown loss 'no-such-loss'"):
        make_job("a.jpg", "b.jpg", session=Session(registry), preset="mine")


# Sizes and levels.


@pytest.mark.parametrize(
    ("options", "size", "levels"),
    [
        ({}, 512, None),
        ({"size": 1024}, 1024, None),
        ({"levels": "off"}, 512, ()),
        ({"levels": "auto"}, 512, None),
        ({"levels": "128,256,400"}, 400, (128, 256)),
        ({"levels": "128,256", "size": 256}, 256, (128,)),
        ({"levels": "300"}, 300, ()),
    ],
)
def test_sizes_and_levels(registry, options, size, levels):
    job = made(registry, **options)
    assert (job.size, job.levels) == (size, levels)


@pytest.mark.parametrize(("size", "levels"), [(200, (128,)), (400, (128, 256)), (128, ()), (500, None)])
def test_levels_of_a_recipe_follow_its_size(registry, size, levels):
    job = make_job(base=made(registry, levels="128,256,400"), session=Session(registry), size=size)
    assert (job.size, job.levels) == (size, levels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": "big"}, "levels must be auto, off, or sizes like 256,512,1024, not 'big'"),
        ({"levels": "512,256"}, "levels must increase"),
        ({"levels": "256,256"}, "levels must increase"),
        ({"levels": "0,256"}, "levels must increase"),
        ({"levels": ""}, "levels must be auto, off"),
        ({"levels": "128,256", "size": 512}, "the last level must be the size of the picture"),
    ],
)
def test_levels_that_make_no_sense_are_explained(registry, options, message):
    with pytest.raises(JobError, match=message):
        made(registry, **options)


# The pieces.


def test_the_setters_change_one_field(registry, context):
    job = made(registry)
    assert set_field("seed")(job, 3, context).seed == 3
    assert set_component("optimizer")(job, "adam:0.1", context).optimizer == Component("adam", {"learning_rate": 0.1})
    assert with_size(job, 100, context).size == 100
    assert with_levels(job, "off", context).levels == ()
    assert context.role(job.terms[0]) == "content"
    with pytest.raises(JobError, match="unknown optimizer 'adm'; did you mean 'adam'"):
        set_component("optimizer")(job, "adm", context)


def test_another_weight_set_is_another_network(registry):
    base = make_job("a.jpg", "b.jpg", session=Session(registry), extractor="vgg19")
    job = make_job(base=base, session=Session(registry), weights="mine")
    assert job.extractor == Component("vgg19", {"weights": "mine"})
    assert job.weights_sha256 == ""


def test_layers_with_factors():
    assert parse_layers(["a", "b"]) == (("a", "b"), ())
    assert parse_layers([" a ", "b=0.5"]) == (("a", "b"), (1.0, 0.5))
    empty = "empty layer name"
    for texts, message in ((["a=x"], "factor of layer 'a' must be a number"), ([], empty), ([""], empty)):
        with pytest.raises(JobError, match=message):
            parse_layers(texts)


def test_regularizers_keep_the_weight_of_the_preset():
    class Smooth(Mine):
        losses = {"mse-content": 2.0, "gram-style": 1.0, "tv": 3.0}  # noqa: RUF012

    registry = tiny_registry(("mine", plugin(presets={"mine": Smooth})))
    job = make_job("a.jpg", "b.jpg", session=Session(registry), preset="mine")
    assert weights(job) == {"mse-content": 2.0, "gram-style": 1.0, "tv": 3.0}
    assert job.terms[2] == Term("tv", 3.0)
    assert job.styles == (Source("b.jpg"),)


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        ("photo.jpg", "image:path=photo.jpg"),
        ("pictures/a,b.png", 'image:path="pictures/a,b.png"'),
        ("sample:landscape", "image:path=sample:landscape"),
        ("C:\\start.tif", "image:path=C:\\start.tif"),
    ],
)
def test_a_file_in_place_of_an_initializer_is_understood(registry, path, spec):
    context = Context(registry, {})
    with pytest.raises(JobError) as raised:
        context.component("initializer", path)
    assert str(raised.value) == f"'{path}' is a file; to use it as initializer, write {spec}"
    assert context.component("initializer", spec).name == "image"
    with pytest.raises(JobError, match=r"unknown optimizer 'photo\.jpg'"):
        context.component("optimizer", "photo.jpg")
    with pytest.raises(JobError, match="unknown initializer 'nois'; did you mean 'noise'"):
        context.component("initializer", "nois:amplitude=0.1")
