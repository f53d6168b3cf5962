// A frozen linear map of every position of a feature map: a convolution 1×1, which no layer reads but a loss.
#pragma once

#include <ATen/core/Tensor.h>

#include "nst/buffers.h"

namespace nst {

class Head {
 public:
  /// weight (K, C, 1, 1) and bias (K), of one dtype, float32 or bfloat16.
  Head(const at::Tensor& weight, const at::Tensor& bias);

  /// map: (B, C, H, W), channels-last. Returns (B, K, H, W), channels-last.
  at::Tensor forward(const at::Tensor& map, Buffers& buffers) const;

  /// The gradient with respect to the map, from (B, K, H, W), channels-last.
  at::Tensor backward(const at::Tensor& gradient, Buffers& buffers) const;

  int64_t inputs() const { return weight_.size(1); }

 private:
  at::Tensor weight_;
  at::Tensor bias_;                // float32 where the loops are used
  at::Tensor forward_, backward_;  // packed for the loops; undefined where these do not fit
};

/// weight x + bias at every position.
///
/// feature: (B, N, H, W). weight: (K, N), of its dtype. bias: (K), of its dtype or float32.
/// Returns (B, K, H, W); nothing here has a graph.
at::Tensor map_positions(const at::Tensor& feature, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace nst
