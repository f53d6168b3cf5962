"""The same numbers for every picture."""

from __future__ import annotations

import pytest
import torch
from tiny import TinyExtractor, plugin, tiny_registry

from nst_core import Component, ImageError, JobError, Session, make_job
from nst_core.experiments.metrics import evaluate_image, layers_for, metric_layers, total_variation

TINY = Component("tiny")


class Undecided(TinyExtractor):
    """Has no layers of its own choice."""

    content_layers = style_layers = ()


@pytest.fixture
def registry():
    return tiny_registry(("undecided", plugin(extractors={"undecided": Undecided})))


def picture(seed: int, height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def test_a_picture_has_no_distance_to_itself(registry):
    image = picture(0)
    found = evaluate_image(image, TINY, session=Session(registry), content=image, style=image, device="cpu")
    assert found.content_mean == pytest.approx(0, abs=1e-6)
    assert found.style_mean == pytest.approx(0, abs=1e-6)
    assert (found.size, found.extractor, found.weights_sha256) == ((24, 32), "tiny", "")
    assert {*found.content} == {*found.style} == {"a", "b", "c"}


def test_distances_are_those_of_the_docstring(registry):
    image, content, style = picture(0), picture(1), picture(2, 40, 36)
    found = evaluate_image(
        image, TINY, session=Session(registry), content=content, style=style, style_size=40, layers=["b"], device="cpu"
    )
    network = TinyExtractor().build(["b"])
    f, c, s = (network(x[None])[0] for x in (image, content, style))
    a, b = (torch.einsum("bchw,bdhw->cd", x, x) / (x.shape[2] * x.shape[3]) for x in (f, s))
    assert found.content == {"b": pytest.approx(float((f - c).norm() / c.norm()), rel=1e-5)}
    assert found.style == {"b": pytest.approx(float((a - b).norm() / b.norm()), rel=1e-5)}
    assert found.to_dict()["content_mean"] == found.content_mean


def test_without_images_to_compare_with_there_are_no_distances(registry):
    found = evaluate_image(picture(0), TINY, session=Session(registry), device="cpu")
    assert (found.content_mean, found.style_mean, found.content, found.style) == (None, None, {}, {})


def test_total_variation():
    ramp = torch.arange(4.0).expand(1, 3, 2, 4) / 4
    assert total_variation(ramp) == pytest.approx(3 * 2 * 3 / 16 / 8)
    assert total_variation(torch.full((1, 3, 5, 5), 0.3)) == 0.0


def test_images_of_other_shapes_show_other_places(registry):
    session = Session(registry)
    with pytest.raises(ImageError, match="32×24 pixels and the content image the shape"):
        evaluate_image(picture(0), TINY, session=session, content=picture(1, 24, 24), device="cpu")
    evaluate_image(picture(0), TINY, session=session, content=picture(1, 49, 64), device="cpu")


def test_layers(registry):
    session = Session(registry)
    assert metric_layers(session, TINY) == ["a", "b", "c"]
    assert metric_layers(session, TINY, ["c", "a"]) == ["a", "c"]
    assert metric_layers(session, Component("undecided"), ["all"]) == ["a", "b", "c"]
    with pytest.raises(JobError, match="the extractor 'tiny' has no layer 'd'; there are: a, b, c"):
        metric_layers(session, TINY, ["a", "d"])
    with pytest.raises(JobError, match="'undecided' has no default layers; name some with --layers"):
        metric_layers(session, Component("undecided"))


def test_layers_of_a_job_whose_extractor_has_no_choice_are_those_of_its_losses(registry):
    session = Session(registry)
    chosen = {"content_layers": ["c"], "style_layers": ["a"]}
    job = make_job("a.jpg", "b.jpg", session=session, extractor="undecided", **chosen)
    assert layers_for(job, session) == ["a", "c"]
    assert layers_for(make_job("a.jpg", "b.jpg", session=session, extractor="tiny", **chosen), session) == [
        "a",
        "b",
        "c",
    ]
