// Inner products and linear combinations of the rows of a matrix: all that L-BFGS asks of its memory.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst::detail {

/// The inner products of all rows with the chosen ones, in one pass over the matrix; float32 products are gathered in
/// float64, in an order that does not depend on the threads.
///
/// rows: (height, width), on any device. chosen: indices of rows, from 0 to height - 1.
/// Returns (height, number chosen), float64, on the CPU.
at::Tensor row_products(const at::Tensor& rows, at::IntArrayRef chosen);

/// The sum of all rows, each times its factor, in one pass over the matrix.
///
/// rows: (height, width), on any device. factors: (height), on the CPU.
/// Returns (width), of the dtype and on the device of the rows.
at::Tensor combine_rows(const at::Tensor& rows, const at::Tensor& factors);

}  // namespace nst::detail
