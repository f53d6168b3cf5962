// Gram matrices of projected feature maps, without the projected maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace nst::detail {

/// gram() of the features W f + b, from f: V A Vᵀ with V = (W, b) and A = gram() of (f, 1).
///
/// projection: V, (K, N + 1), float32 or float64.
/// Returns (B, K, K), as gram() does.
at::Tensor projected_gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight,
                          const at::Tensor& projection);

/// The gradient of projected_gram() with respect to the feature, which is a linear map of the feature; in its dtype.
at::Tensor projected_gram_backward(const at::Tensor& gradient, const at::Tensor& feature,
                                   const std::optional<at::Tensor>& weight, const at::Tensor& projection);

}  // namespace nst::detail
