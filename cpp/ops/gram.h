// Gram matrices of feature maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace nst::detail {

/// Sum F Fᵀ over positions.
///
/// feature: (B, N, H, W), float32, float64 or bfloat16, NCHW or channels-last (neither is copied).
/// weight: (B, 1, H, W) of the positions, or none for one everywhere.
/// Returns (B, N, N), symmetric, float32 (float64 for float64 features). bfloat16 is multiplied in blocks of
/// positions that are summed in float32, so that the rounding of partial sums does not build up.
at::Tensor gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight = {});

/// The gradient of gram() with respect to the feature: (G + Gᵀ) F, times the weight; in the feature's dtype.
at::Tensor gram_backward(const at::Tensor& gradient, const at::Tensor& feature,
                         const std::optional<at::Tensor>& weight = {});

/// The gradient of gram() with respect to the weight: fᵀ G f at every position, (B, 1, H, W).
at::Tensor gram_backward_weight(const at::Tensor& gradient, const at::Tensor& feature);

}  // namespace nst::detail
