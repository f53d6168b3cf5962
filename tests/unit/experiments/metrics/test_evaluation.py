"""The same numbers for every picture."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import TinyExtractor, tiny_registry

from nst_core import Component, ImageError, Session
from nst_core.experiments.metrics import Metrics, evaluate_image
from nst_core.images.resize import resample

TINY = Component("tiny")


@pytest.fixture
def registry():
    return tiny_registry()


def picture(seed: int, height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def test_a_picture_has_no_distance_to_itself(registry):
    image = picture(0)
    found = evaluate_image(image, TINY, session=Session(registry), content=image, style=image, device="cpu")
    assert found.content_mean == pytest.approx(0, abs=1e-6)
    assert found.style_mean == pytest.approx(0, abs=1e-6)
    assert found.pyramid == pytest.approx(0, abs=1e-9)
    assert found.frechet_mean == pytest.approx(0, abs=1e-9)
    assert found.self_similarity == pytest.approx(0, abs=1e-6)
    assert (found.edge_ssim, found.rim) == (pytest.approx(1, abs=1e-6), 1)
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
    assert (found.pyramid, found.pyramid_sizes, found.frechet, found.frechet_mean) == (None, (), {}, None)
    assert (found.self_similarity, found.structure_layer, found.edge_ssim, found.rim) == (None, "", None, None)
    assert found.specks > 0


def test_images_of_other_shapes_show_other_places(registry):
    session = Session(registry)
    with pytest.raises(ImageError, match="32×24 pixels and the content image the shape"):
        evaluate_image(picture(0), TINY, session=session, content=picture(1, 24, 24), device="cpu")
    evaluate_image(picture(0), TINY, session=session, content=picture(1, 49, 64), device="cpu")


def test_the_pyramid_is_the_mean_over_layers_and_sizes_of_squared_distances(registry):
    """At the sizes that both images share, down to four positions of the deepest layer."""
    image, style = picture(0, 40, 64), picture(1, 60, 32)
    session = Session(registry)
    found = evaluate_image(image, TINY, session=session, style=style, style_size=64, layers=["a", "c"], device="cpu")
    assert found.pyramid_sizes == ((40, 64), (20, 32))  # the painting would have 8 pixels in the next, two positions
    distances = []
    for size, other in zip(found.pyramid_sizes, ((60, 32), (30, 16)), strict=True):
        small = [resample(picture[None], to) for picture, to in ((image, size), (style, other))]
        for layer in ("a", "c"):
            own, aim = (
                evaluate_image(x, TINY, session=session, style=small[1], style_size=max(other), layers=[layer])
                for x in small
            )
            assert aim.style[layer] == pytest.approx(0, abs=1e-6)
            distances.append(own.style[layer] ** 2)
    assert found.pyramid == pytest.approx(sum(distances) / len(distances), rel=1e-5)


@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(4, 4), (4, 9), (24, 32)])
def test_flat_and_tiny_images_have_finite_figures(registry, shade, size):
    flat, noise = torch.full((3, *size), shade), picture(2, *size)
    session = Session(registry)
    for image, other in ((flat, noise), (noise, flat), (flat, flat)):
        found = evaluate_image(image, TINY, session=session, content=other, style=other, device="cpu")
        values = [v for v in _numbers(found) if v is not None]
        assert len(values) == 3 * 3 + 3 + 6
        assert all(math.isfinite(value) for value in values)


def _numbers(found: Metrics) -> list[float | None]:
    means = [found.content_mean, found.style_mean, found.frechet_mean]
    images = [found.pyramid, found.self_similarity, found.edge_ssim, found.rim, found.specks, found.total_variation]
    return [*found.content.values(), *found.style.values(), *found.frechet.values(), *means, *images]
