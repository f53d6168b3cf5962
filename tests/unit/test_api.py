"""What a person chooses becomes the job they mean."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
import torch
from tiny import plugin, tiny_registry

import nst_core
from nst_core import (
    Job,
    JobError,
    Session,
    StatisticLoss,
    Term,
    UnknownNameError,
    load_job,
    make_job,
    reconstruct,
    run,
    save_image,
    stylize,
    synthesize,
)
from nst_core.options.table import OPTIONS

IMAGE = torch.rand(1, 3, 16, 20, generator=torch.Generator().manual_seed(0))


def terms(job: Job) -> dict[str, float]:
    return {t.loss: t.weight for t in job.terms}


def made(registry, **options) -> Job:
    return make_job("a.jpg", "b.jpg", session=Session(registry), **({"extractor": "tiny"} | options))


def test_presets(registry):
    job = made(registry)
    assert terms(job) == {"mse-content": 10.0, "w2-style": 30.0}
    assert (job.initializer.name, job.levels) == ("content", None)
    job = made(registry, preset="noise")
    assert terms(job) == {"mse-content": 100.0, "gram-style": 1e6}
    assert (job.initializer.name, job.levels) == ("noise", ())
    with pytest.raises(JobError, match=r"unknown preset 'nois'; did you mean 'noise'"):
        made(registry, preset="nois")


def test_default_layers_are_those_of_the_extractor(registry):
    assert [t.layers for t in made(registry).terms] == [("b",), ("a", "b", "c")]
    vgg = make_job("a.jpg", "b.jpg", session=Session(registry))
    assert vgg.terms[0].layers == ("conv3_4",)
    assert vgg.terms[1].layers == ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")


class OtherStyle(StatisticLoss):
    default_weight = 7.0

    def __init__(self, sharp: bool = False) -> None:
        self.sharp = sharp

    def statistic(self, feature, weight=None):
        raise NotImplementedError

    def criterion(self, statistic, target, channels):
        raise NotImplementedError


def test_a_plugin_fills_its_role():
    registry = tiny_registry(("other", plugin(losses={"other-style": OtherStyle})))
    job = made(registry, plugins=["other-style:sharp=yes"])
    assert terms(job) == {"mse-content": 10.0, "other-style": 7.0}
    assert job.terms[1] == Term("other-style", 7.0, ("a", "b", "c"), (), {"sharp": True})
    job = made(registry, plugins=["other-style:weight=2,layers=a+b", "gram-style", "tv"])
    assert terms(job) == {"mse-content": 10.0, "other-style": 2.0, "gram-style": 1e7, "tv": 100.0}
    assert job.terms[1].layers == ("a", "b")
    assert terms(made(registry, plugins=["other-style"], style_weight=9)) == {"mse-content": 10.0, "other-style": 9.0}


def test_the_default_style_named_again_changes_nothing(registry):
    assert made(registry, plugins=["w2-style"], optimizer="lbfgs") == made(registry)


def test_weights_layers_and_removal(registry):
    assert terms(made(registry, style_weight=5)) == {"mse-content": 10.0, "w2-style": 5.0}
    assert terms(made(registry, content_weight=0)) == {"w2-style": 30.0}
    assert terms(made(registry, plugins=["w2-style:weight=0"])) == {"mse-content": 10.0}
    assert terms(made(registry, without=["mse-content"])) == {"w2-style": 30.0}
    job = made(registry, style_layers=["a", "c=0.5"])
    assert (job.terms[1].layers, job.terms[1].layer_weights) == (("a", "c"), (1.0, 0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plugins": ["gram-stile"]}, r"unknown loss 'gram-stile'; did you mean 'gram-style'"),
        ({"plugins": ["lbfgs"]}, r"unknown loss 'lbfgs'.*exists as optimizer"),
        ({"plugins": ["gram-style:normalisation=mean"]}, r"did you mean 'normalization'"),
        ({"plugins": ["gram-style:normalization=men"]}, r"'men'; did you mean 'mean'"),
        ({"plugins": ["gram-style:weight=heavy"]}, r"weight of 'gram-style' must be a number"),
        ({"plugins": ["gram-style:weight"]}, r"not of the form key=value"),
        ({"plugins": ["gram-style:weight=-1"]}, r"must be positive"),
        ({"plugins": ["gram-style:weight=1,weight=2"]}, r"given twice"),
        ({"plugins": [":weight=2"]}, r"has no name"),
        ({"optimizer": "lbfgs:history=many"}, r"'history' of 'lbfgs' must be a whole number, not 'many'"),
        ({"style_weight": -3}, r"must be positive"),
        ({"style_layers": ["a=x"]}, r"factor of layer 'a' must be a number"),
        ({"style_layers": ["a", ""]}, r"empty layer name"),
        ({"without": ["tv"]}, r"unknown loss of this job 'tv'"),
        ({"without": ["w2-style", "mse-content"]}, r"at least one loss"),
        ({"sizes": 3}, r"unknown option 'sizes'; did you mean 'size'"),
        ({"size": 0}, r"size must be at least 1"),
        ({"extractor": "vgg91"}, r"unknown extractor 'vgg91'; did you mean 'vgg19'"),
    ],
)
def test_choices_that_make_no_sense_are_explained(registry, options, message):
    with pytest.raises(JobError, match=message):
        made(registry, **options)


def test_options_change_only_what_they_name(registry):
    base = made(registry, preset="noise", style_weight=3, steps=7)
    job = make_job(session=Session(registry), base=base, steps=9)
    assert (job.steps, terms(job), job.initializer.name) == (9, terms(base), "noise")
    assert job.content == base.content
    vgg = make_job(session=Session(registry), base=base, extractor="vgg19")
    assert vgg.terms[1].layers[0] == "conv1_2"
    assert terms(vgg) == terms(base)


def test_stylize_reconstruct_and_synthesize(registry):
    common = {"session": Session(registry), "extractor": "tiny", "steps": 12}
    assert stylize(IMAGE, IMAGE.flip(3), **common).image.shape == IMAGE.shape
    rebuilt = reconstruct(IMAGE, "b", **common)
    assert rebuilt.losses.keys() == {"mse-content"}
    assert rebuilt.total < 0.5 * rebuilt.history[0]
    texture = synthesize(IMAGE, shape=(24, 32), **common)
    assert texture.image.shape == (1, 3, 24, 32)
    assert texture.losses.keys() == {"w2-style"}
    assert texture.total < 0.5 * texture.history[0]


def test_unknown_layers_and_devices(registry):
    common = {"session": Session(registry), "extractor": "tiny", "steps": 1}
    with pytest.raises(JobError, match=r"unknown layer 'd'"):
        stylize(IMAGE, IMAGE, style_layers=["d"], **common)
    for device, message in (("gpu", "unknown device 'gpu'"), ("cuda:7", "no device 'cuda:7' here"), ("xpu", "xpu")):
        with pytest.raises(nst_core.NstError, match=message):
            stylize(IMAGE, IMAGE, device=device, **common)


def test_everything_public_can_be_had_and_is_documented():
    assert nst_core.__all__ == sorted(nst_core.__all__)
    assert set(nst_core.__all__) == set(nst_core._HOME)
    for name in nst_core.__all__:
        value = getattr(nst_core, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        nst_core.stylise  # noqa: B018


def test_a_loss_keeps_the_emphasis_of_the_one_it_replaces(registry):
    """Default weights hold for the preset `content`; presets, recipes and --style-weight are proportions of them."""
    assert terms(made(registry, plugins=["w2-style"])) == {"mse-content": 10.0, "w2-style": 30.0}
    noise = terms(made(registry, preset="noise", plugins=["w2-style"]))
    assert noise == {"mse-content": 100.0, "w2-style": pytest.approx(3.0)}
    recipe = made(registry, preset="content", style_weight=3e6)
    assert terms(made(registry, base=recipe, plugins=["w2-style"]))["w2-style"] == pytest.approx(9.0)
    back = made(registry, base=made(registry, base=recipe, plugins=["w2-style"]), plugins=["gram-style"])
    assert terms(back)["gram-style"] == pytest.approx(3e6)
    # A preset given later brings its own losses, for the roles that there are.
    smooth = made(registry, plugins=["covariance-style", "tv"])
    assert terms(made(registry, base=smooth, preset="noise")) == {"mse-content": 100.0, "gram-style": 1e6, "tv": 100.0}
    alone = made(registry, content_weight=0)
    assert terms(made(registry, base=alone, preset="noise")) == {"gram-style": 1e6}
    assert terms(made(registry, plugins=["w2-style"], style_weight=9))["w2-style"] == 9.0


def test_layers_of_a_loss_that_has_layers_of_its_own(registry):
    lap = made(registry, plugins=["laplacian"])
    assert lap.terms[0].layers == ("pixels",)
    assert made(registry, base=lap, plugins=["mse-content"]).terms[0].layers == ("b",)
    assert made(registry, base=lap, extractor="vgg19").terms[0].layers == ("pixels",)
    both = made(registry, plugins=["mse-content", "laplacian"])
    assert [t.layers for t in both.terms[:2]] == [("b",), ("pixels",)]
    # Layers of another network are no use to this one: it takes the extractor's.
    assert made(registry, plugins=["nn-style"]).terms[1].layers == ("a", "b", "c")
    vgg = make_job("a.jpg", "b.jpg", session=Session(registry), plugins=["nn-style"])
    assert vgg.terms[1].layers == ("conv1_2", "conv2_2", "conv3_4", "conv4_4")
    chosen = made(registry, style_layers=["a", "c=0.5"])
    again = made(registry, base=chosen, plugins=["w2-style"]).terms[1]
    assert (again.layers, again.layer_weights) == (("a", "c"), (1.0, 0.5))


def test_the_first_parameter_needs_no_name(registry):
    job = made(registry, plugins=["gram-style:gatys,weight=2", "tv:isotropic"], init="noise:uniform,amplitude=0.2")
    assert job.terms[1] == Term("gram-style", 2.0, ("a", "b", "c"), (), {"normalization": "gatys"})
    assert job.terms[2].params == {"kind": "isotropic"}
    assert job.initializer.params == {"kind": "uniform", "amplitude": 0.2}
    for options, message in (
        ({"plugins": ["gram-style:gatys,normalization=mean"]}, "given twice"),
        ({"plugins": ["gram-style:gaty"]}, "did you mean 'gatys'"),
        ({"plugins": ["mean-std-style:gatys"]}, "not of the form key=value"),
        ({"plugins": ["tv:kind=squared,isotropic"]}, "not of the form key=value"),
    ):
        with pytest.raises(JobError, match=message):
            made(registry, **options)


def test_the_pixels_are_a_layer(registry):
    """A content loss on the pixels alone brings the photograph back from grey, without any network."""
    photo, painting = (torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    options = {"session": Session(registry), "extractor": "tiny", "device": "cpu"}
    result = stylize(photo, painting, without=["w2-style"], content_layers=["pixels"], init="noise", **options)
    torch.testing.assert_close(result.image, photo, atol=0.02, rtol=0)
    assert set(result.losses["mse-content"]) == {"pixels"}
    both = stylize(photo, painting, plugins=["mse-content", "laplacian:pool=2"], steps=3, **options)
    assert set(both.losses) == {"mse-content", "laplacian", "w2-style"}


def test_normalization_keeps_the_emphasis_and_can_be_undone(registry):
    on = made(registry, normalize_gradients=True)
    assert terms(on) == {"mse-content": 1.0, "w2-style": 10.0}
    assert Job.from_toml(on.to_toml()) == on
    assert terms(made(registry, normalize_gradients=True, preset="noise")) == {
        "mse-content": pytest.approx(10.0),
        "gram-style": pytest.approx(1.0),
    }
    strong = made(registry, base=made(registry, style_weight=60), normalize_gradients=True)
    assert terms(strong)["w2-style"] == pytest.approx(20.0)
    assert terms(made(registry, base=strong, plugins=["gram-style"]))["gram-style"] == pytest.approx(20.0)
    assert terms(made(registry, base=strong, normalize_gradients=False))["w2-style"] == pytest.approx(60)
    assert terms(made(registry, normalize_gradients=True, style_weight=4))["w2-style"] == 4.0


def submodules() -> list[str]:
    return [module.name for module in pkgutil.walk_packages(nst_core.__path__, "nst_core.")]


def test_no_public_name_is_the_name_of_a_submodule():
    """A submodule that is imported becomes an attribute of its package, and would take the name's place."""
    direct = {module.name for module in pkgutil.iter_modules(nst_core.__path__)}
    assert {"api", "engine", "errors", "job", "planning"} <= direct
    assert set(nst_core.__all__) & direct == set()


def test_importing_every_submodule_changes_no_public_name():
    public = {name: getattr(nst_core, name) for name in nst_core.__all__}
    for module in submodules():
        importlib.import_module(module)
    for name, value in public.items():
        assert getattr(nst_core, name) is value
        assert getattr(importlib.import_module(f"nst_core.{nst_core._HOME[name]}"), name) is value
        assert not inspect.ismodule(value)


@pytest.mark.parametrize("function", [make_job, stylize, reconstruct, synthesize])
def test_docstrings_list_every_option(function):
    text = inspect.getdoc(function)
    for option in OPTIONS:
        assert f"\n    {option.name}: {option.type.name}. {option.help}" in text


def test_an_unknown_option_is_named_before_anything_else_is_looked_up():
    with pytest.raises(JobError, match=r"unknown option 'registry'"):
        stylize(IMAGE, IMAGE, registry=None, extractor="no such extractor")


def test_a_picture_and_a_recipe_give_the_job_back_from_any_folder(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image(IMAGE, "photo.png")
    session = Session(registry)
    result = stylize("photo.png", "photo.png", session=session, extractor="tiny", size=16, steps=2)
    result.save("o.png")
    (tmp_path / "looks").mkdir()
    result.save_recipe("looks/r.toml")
    monkeypatch.chdir("looks")
    for path in ("../o.png", tmp_path / "looks" / "r.toml"):
        job = load_job(path, session=session)
        assert job.content.path.endswith("photo.png")
        assert torch.equal(run(job, session=session).image, result.image)
    with pytest.raises(JobError, match="the recipe could not be written"):
        result.save_recipe("none/r.toml")
    with pytest.raises(UnknownNameError, match="unknown metadata 'some'"):
        result.save("o.png", metadata="some")
