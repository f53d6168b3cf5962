"""Image files to tensors and back: decoding, colour, resizing, metadata."""

from nst_core.images.metadata import read_recipe
from nst_core.images.picture import ImageInput, Picture
from nst_core.images.read import load_image
from nst_core.images.resize import downscale
from nst_core.images.write import check_output, holds_alpha, quantize, save_image, to_pil

__all__ = [
    "ImageInput",
    "Picture",
    "check_output",
    "downscale",
    "holds_alpha",
    "load_image",
    "quantize",
    "read_recipe",
    "save_image",
    "to_pil",
]
