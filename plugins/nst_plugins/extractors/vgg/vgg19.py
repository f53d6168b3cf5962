"""VGG-19 (Simonyan and Zisserman, arXiv:1409.1556, configuration E), the network of Gatys et al."""

from __future__ import annotations

from pathlib import Path

from nst_core.weights import Architecture, OfficialWeights
from nst_plugins.extractors.vgg.calibration import estimate_vgg19_rms
from nst_plugins.extractors.vgg.extractor import VggExtractor
from nst_plugins.extractors.vgg.layers import VGG19_LAYERS, convolution_names, named_by_layer, tensor_shapes

__all__ = ["DATA", "Vgg19"]

DATA = Path(__file__).parents[2] / "data"
"""The folder of the weight files that are part of the package."""


def _url() -> str:
    from torchvision.models import VGG19_Weights

    return str(VGG19_Weights.IMAGENET1K_V1.url)


class Vgg19(VggExtractor):
    """VGG-19, every convolution rescaled to unit RMS over natural images.

    The layers are ``conv1_1`` (before its ReLU), ``relu1_1`` (after it), … ``relu5_4``, and ``pool1`` to ``pool5``.
    ``weights`` is the path of a weight file or the name of a weight set (``nst weights list``); by default it is that
    in the store, or else the embedded one. ``pooling`` is ``max``, with which the network was trained, or ``average``,
    which Gatys et al. found to look slightly better. The RMS was measured with max pooling and is used for both:
    average pooling makes the features of deep layers smaller, as in other systems.
    """

    content_layers = ("conv3_4",)
    style_layers = ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")
    layers = VGG19_LAYERS
    architecture = Architecture(
        name="vgg19",
        key_naming="torchvision vgg19 state_dict, features only",
        shapes=tensor_shapes(VGG19_LAYERS),
        input_weight=VGG19_LAYERS[0].weight_key,
        calibrated_layers=convolution_names(VGG19_LAYERS),
        measure_rms=estimate_vgg19_rms,
        other_namings=(named_by_layer(VGG19_LAYERS),),
        official=OfficialWeights(
            url=_url,
            filename="vgg19-dcbb9e9d.pth",
            sha256_prefix="dcbb9e9d",
            megabytes=548,
            source="torchvision VGG19_Weights.IMAGENET1K_V1, features only",
            license="BSD-3-Clause (torchvision); trained on ImageNet",
        ),
        embedded=DATA / "vgg19.safetensors",
        # The second is the Caffe model of the VGG group, converted by J. Johnson, which neural-style-pt downloads.
        known_files={"dcbb9e9d": "torchvision", "d01eb7cb": "caffe"},
    )
