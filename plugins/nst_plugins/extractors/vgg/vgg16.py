"""VGG-16 (Simonyan and Zisserman, arXiv:1409.1556, configuration D)."""

from __future__ import annotations

from nst_core.weights import Architecture, OfficialWeights
from nst_plugins.extractors.vgg.calibration import estimate_vgg16_rms
from nst_plugins.extractors.vgg.extractor import VggExtractor
from nst_plugins.extractors.vgg.layers import VGG16_LAYERS, convolution_names, named_by_layer, tensor_shapes

__all__ = ["Vgg16"]


def _url() -> str:
    from torchvision.models import VGG16_Weights

    return str(VGG16_Weights.IMAGENET1K_V1.url)


class Vgg16(VggExtractor):
    """VGG-16, every convolution rescaled to unit RMS over natural images: three layers less than VGG-19.

    The layers are ``conv1_1`` (before its ReLU), ``relu1_1`` (after it), … ``relu5_3``, and ``pool1`` to ``pool5``.
    The style layers are the last convolutions of the blocks. ``weights`` and ``pooling`` are as for ``vgg19``.
    """

    content_layers = ("conv3_3",)
    style_layers = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")
    layers = VGG16_LAYERS
    architecture = Architecture(
        name="vgg16",
        key_naming="torchvision vgg16 state_dict, features only",
        shapes=tensor_shapes(VGG16_LAYERS),
        input_weight=VGG16_LAYERS[0].weight_key,
        calibrated_layers=convolution_names(VGG16_LAYERS),
        measure_rms=estimate_vgg16_rms,
        other_namings=(named_by_layer(VGG16_LAYERS),),
        official=OfficialWeights(
            url=_url,
            filename="vgg16-397923af.pth",
            sha256_prefix="397923af",
            megabytes=528,
            source="torchvision VGG16_Weights.IMAGENET1K_V1, features only",
            license="BSD-3-Clause (torchvision); trained on ImageNet",
        ),
        # The second is the Caffe model of the VGG group, converted by J. Johnson.
        known_files={"397923af": "torchvision", "00b39a1b": "caffe"},
    )
