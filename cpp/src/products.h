// Products of maps with matrices by our own loops.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst {

/// Whether there are loops for maps of such numbers with so many channels.
bool has_products(at::ScalarType type, int64_t channels);

/// A contiguous matrix as the loops read it, in its own dtype; its width must be a multiple of a panel.
at::Tensor packed(const at::Tensor& matrix);

/// out = every position of `map` times a packed square matrix, plus the float32 bias, which may be undefined. Maps are
/// channels-last, (B, C, H, W), and of the matrix's dtype.
void multiply_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias, at::Tensor& out);

}  // namespace nst
