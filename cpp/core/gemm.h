// Feature maps times matrices, by the GEMM kernels where these fit and by torch elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/workspace.h"

namespace nst::detail {

/// Whether there are GEMM kernels for maps of this dtype with this many channels on this processor.
bool has_gemm(at::ScalarType type, int64_t channels);

/// Whether gemm_positions() takes this matrix (K, C): it must be square, and there must be kernels for it.
bool has_gemm(const at::Tensor& matrix);

/// A contiguous matrix in the order in which the kernels read it, in its own dtype; its width must be a multiple of
/// KernelTable::panel.
at::Tensor packed(const at::Tensor& matrix);

/// out = every position of `map` times a packed square matrix, plus the float32 bias, which may be undefined. Maps are
/// channels-last, (B, C, H, W), and of the matrix's dtype.
void gemm_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias, at::Tensor& out);

/// The same into a new map of the workspace.
at::Tensor gemm_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias,
                          Workspace& workspace);

/// Every position of a map times a matrix (K, C, 1, 1), plus the bias, which may be undefined; by torch.
at::Tensor torch_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias);

/// weight x + bias at every position, by whichever of the above fits.
///
/// feature: (B, N, H, W). weight: (K, N), of its dtype. bias: (K), of its dtype or float32.
/// Returns (B, K, H, W); nothing here has a graph.
at::Tensor project_positions(const at::Tensor& feature, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace nst::detail
