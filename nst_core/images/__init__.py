"""Files to tensors and back: decoding, colour, size, provenance."""

from nst_core.images.input import ImageInput, Picture
from nst_core.images.read import load
from nst_core.images.recipe import read_recipe
from nst_core.images.resize import fit
from nst_core.images.write import check_output, quantize, save, to_pil

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
