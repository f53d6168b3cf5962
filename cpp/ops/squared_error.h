// Squared differences of feature maps.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst::detail {

/// Σ (feature - target)², in one pass that writes no map. float32 sums are gathered in float64.
///
/// feature, target: of the same shape and dtype, float32, float64 or bfloat16, on the CPU.
/// Returns a scalar, float32 (float64 for float64 maps).
at::Tensor squared_error(const at::Tensor& feature, const at::Tensor& target);

/// The gradient of squared_error() with respect to the feature: 2 gradient (feature - target), in the feature's dtype.
/// The one with respect to the target is its negative.
at::Tensor squared_error_backward(const at::Tensor& gradient, const at::Tensor& feature, const at::Tensor& target);

}  // namespace nst::detail
