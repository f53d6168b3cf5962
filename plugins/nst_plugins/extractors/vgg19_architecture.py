"""VGG-19 as a weight file holds it, and where its official weights are."""

from __future__ import annotations

from nst_core.weights import Architecture, OfficialWeights
from nst_plugins.extractors.vgg19_layout import CONVOLUTIONS, STEPS, shapes
from nst_plugins.extractors.vgg19_scale import measure

__all__ = ["ARCHITECTURE"]


def _url() -> str:
    from torchvision.models import VGG19_Weights

    return str(VGG19_Weights.IMAGENET1K_V1.url)


ARCHITECTURE = Architecture(
    name="vgg19",
    key_naming="torchvision vgg19 state_dict, features only",
    shapes=shapes(STEPS),
    input_weight=STEPS[0].weight,
    calibrated_layers=CONVOLUTIONS,
    measure_rms=measure,
    official=OfficialWeights(
        url=_url,
        filename="vgg19-dcbb9e9d.pth",
        sha256_prefix="dcbb9e9d",
        megabytes=548,
        source="torchvision VGG19_Weights.IMAGENET1K_V1, features only",
        license="BSD-3-Clause (torchvision); trained on ImageNet",
    ),
    # The second is the Caffe model of the VGG group, converted by J. Johnson: what neural-style-pt downloads.
    known_files={"dcbb9e9d": "torchvision", "d01eb7cb": "caffe"},
)
