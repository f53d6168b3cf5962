"""Files to tensors and back: decoding, colour, size, provenance."""

from nst_core.image.input import ImageInput, Picture
from nst_core.image.read import fit, load
from nst_core.image.recipe import read_recipe
from nst_core.image.write import check_output, quantize, save, to_pil

__all__ = [
    "ImageInput",
    "Picture",
    "check_output",
    "fit",
    "load",
    "quantize",
    "read_recipe",
    "save",
    "to_pil",
]
