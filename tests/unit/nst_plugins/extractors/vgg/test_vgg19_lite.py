"""The embedded extractor: its file, its layers, its losses."""

import re
from pathlib import Path

import pytest
import torch

from nst_core import Extractor, WeightsError, load_image, ops
from nst_core.export import export_extractor
from nst_core.weights import find
from nst_plugins.extractors.vgg import Vgg19, Vgg19Lite
from nst_plugins.extractors.vgg.layers import VGG19_LITE_WIDTHS
from nst_plugins.losses.gram_style import GramStyle

EMBEDDED = Vgg19Lite.architecture.embedded
CARD = Path(__file__).parents[5] / "docs" / "vgg19-lite.md"


@pytest.fixture
def image():
    return torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))


def test_the_file_is_small_whole_and_the_one_of_the_model_card():
    assert EMBEDDED.stat().st_size <= 4_000_000
    assert re.search(r"\b[0-9a-f]{64}\b", CARD.read_text())[0] == Vgg19Lite().fingerprint()
    assert all(torch.isfinite(t).all() for t in Vgg19Lite().weight_set.tensors().values())


def test_a_changed_file_is_refused(tmp_path):
    data = bytearray(EMBEDDED.read_bytes())
    data[-100] ^= 1
    changed = tmp_path / "changed.safetensors"
    changed.write_bytes(data)
    with pytest.raises(WeightsError, match="altered or damaged"):
        Vgg19Lite(str(changed)).build(["conv1_1"])


def test_it_has_the_layers_of_vgg19_and_their_nominal_channels(image):
    lite = Vgg19Lite()
    assert lite.taps() == Vgg19().taps()
    maps = lite.build(list(lite.taps()))(image)
    for (name, tap), found in zip(lite.taps().items(), maps, strict=True):
        assert found.shape == (1, VGG19_LITE_WIDTHS[int(name[4]) - 1], 40 // tap.stride, 56 // tap.stride), name
        assert not found.requires_grad


def test_features_come_in_the_order_asked_for_and_do_not_depend_on_the_others(image):
    lite = Vgg19Lite()
    deep, shallow = lite.build(["relu3_1", "conv1_2"])(image)
    (alone,) = lite.build(["conv1_2"])(image)
    assert deep.shape[2:] == (10, 14)
    torch.testing.assert_close(shallow, alone)


def test_the_kernels_give_the_same_features_and_gradients(image):
    network = Vgg19Lite().build(Vgg19Lite.style_layers)
    results = []
    for module in (network, ops.accelerated(network)):
        x = image.clone().requires_grad_()
        maps = module(x)
        sum(m.square().mean() for m in maps).backward()
        results.append((maps, x.grad))
    for plain, fast in zip(results[0][0], results[1][0], strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(results[1][1], results[0][1], rtol=1e-2, atol=1e-3 * float(results[0][1].abs().max()))


def test_weights_of_one_network_are_refused_by_the_other(random_vgg19):
    with pytest.raises(WeightsError, match="holds weights of vgg19, but vgg19-lite is needed"):
        Vgg19Lite(str(random_vgg19)).build(["conv1_1"])
    with pytest.raises(WeightsError, match="holds weights of vgg19-lite"):
        find(str(EMBEDDED), Vgg19.architecture)


def test_it_can_be_exported_for_cpp(tmp_path):
    done = export_extractor("vgg19-lite", Vgg19Lite(), tmp_path / "lite.ts")
    assert len(done.metadata["stack"]["head_weights"]) == len(done.metadata["stack"]["taps"])
    assert done.difference.features < 1e-5


def test_its_style_loss_is_near_that_of_vgg19(real_weights, real_images):
    def losses(extractor: Extractor) -> list[float]:
        network = ops.accelerated(extractor.build(extractor.style_layers))
        loss = GramStyle("relative")
        with torch.no_grad():
            photo, painting = (
                [loss.statistic(f) for f in network(load_image(real_images / name, size=256).pixels)]
                for name in ("tubingen.jpg", "starry_night.jpg")
            )
        return [float(loss.criterion(a, b, 1)) for a, b in zip(photo, painting, strict=True)]

    *near, deepest = [
        lite / full for full, lite in zip(losses(Vgg19(str(real_weights))), losses(Vgg19Lite()), strict=True)
    ]
    assert all(0.5 < ratio < 2 for ratio in near)
    assert 0.2 < deepest < 5  # the card says that little is left of it
