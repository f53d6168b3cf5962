// The sums that Gram matrices are made of, and what the operators on them have in common.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace nst::detail {

/// Throw an error that says what is wrong with a feature (B, N, H, W) and a weight (B, 1, H, W) of its positions.
void check_gram_input(const at::Tensor& feature, const std::optional<at::Tensor>& weight);

/// One image (N, H, W) as a matrix (positions, N): a view for NCHW and channels-last, a copy for anything else.
at::Tensor positions_by_channels(const at::Tensor& image);

/// The weights of one image's positions as a column (positions, 1).
at::Tensor column(const at::Tensor& weight, int64_t image, at::ScalarType type);

/// Whether our own kernels take this feature. Channels-last maps go through them: they beat the general GEMM here,
/// since they compute only half of the symmetric result and rearrange nothing.
bool has_gram_kernel(const at::Tensor& feature);

/// Add Σ F Fᵀ to `gram` (B, N, N), and Σ F to `sums` (B, N), unless that is undefined.
void accumulate_gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight, const at::Tensor& gram,
                     const at::Tensor& sums);

}  // namespace nst::detail
