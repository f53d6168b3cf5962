"""Image files to tensors and back: decoding, colour, resizing, metadata."""

from nst_core.images.metadata import read_recipe
from nst_core.images.picture import ImageInput, Picture
from nst_core.images.read import load_image
from nst_core.images.resize import downscale
from nst_core.images.write import check_output, quantize, save_image, to_pil

__all__ = [
    "ImageInput",
    "Picture",
    "check_output",
    "downscale",
    "load_image",
    "quantize",
    "read_recipe",
    "save_image",
    "to_pil",
]
