"""Operators: those on the performance-critical path have native kernels, each with its Python reference."""

from nst_core.ops.gram import gram, gram_reference, projected_gram
from nst_core.ops.loading import Native, native
from nst_core.ops.positions import sum_positions, to_accumulation, total_weight
from nst_core.ops.projection import Projection
from nst_core.ops.rows import combine_rows, combine_rows_reference, row_products, row_products_reference, zero_rows
from nst_core.ops.squared_error import squared_error, squared_error_reference
from nst_core.ops.stack import (
    ConvStack,
    HasProjections,
    LayerKind,
    PullBack,
    ReferenceStack,
    Stacked,
    Traceable,
    accelerated,
    conv_stack,
)
from nst_core.ops.transfer import to_device, to_host

__all__ = [
    "ConvStack",
    "HasProjections",
    "LayerKind",
    "Native",
    "Projection",
    "PullBack",
    "ReferenceStack",
    "Stacked",
    "Traceable",
    "accelerated",
    "combine_rows",
    "combine_rows_reference",
    "conv_stack",
    "gram",
    "gram_reference",
    "native",
    "projected_gram",
    "row_products",
    "row_products_reference",
    "squared_error",
    "squared_error_reference",
    "sum_positions",
    "to_accumulation",
    "to_device",
    "to_host",
    "total_weight",
    "zero_rows",
]
