"""Operators: those on the performance-critical path have native kernels, each with its Python reference."""

from nst_core.ops.gram import gram, gram_reference, gram_through
from nst_core.ops.head import Head
from nst_core.ops.loading import Native, native
from nst_core.ops.positions import sum_positions, total_weight, wide
from nst_core.ops.rows import combine_rows, combine_rows_reference, row_products, row_products_reference
from nst_core.ops.squared_error import squared_error, squared_error_reference
from nst_core.ops.stack import ConvStack, Headed, LayerKind, ReferenceStack, Stacked, accelerated, conv_stack

__all__ = [
    "ConvStack",
    "Head",
    "Headed",
    "LayerKind",
    "Native",
    "ReferenceStack",
    "Stacked",
    "accelerated",
    "combine_rows",
    "combine_rows_reference",
    "conv_stack",
    "gram",
    "gram_reference",
    "gram_through",
    "native",
    "row_products",
    "row_products_reference",
    "squared_error",
    "squared_error_reference",
    "sum_positions",
    "total_weight",
    "wide",
]
