// A projection: a convolution 1×1 at a tap, whose output is read by losses and by no layer.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/workspace.h"

namespace nst::detail {

/// A frozen linear map of every position of a feature map.
class Projection {
 public:
  /// weight (K, C, 1, 1) and bias (K), of one dtype, float32 or bfloat16.
  Projection(const at::Tensor& weight, const at::Tensor& bias);

  /// map: (B, C, H, W), channels-last. Returns (B, K, H, W), channels-last.
  at::Tensor forward(const at::Tensor& map, Workspace& workspace) const;

  /// The gradient with respect to the map, from (B, K, H, W), channels-last.
  at::Tensor backward(const at::Tensor& gradient, Workspace& workspace) const;

  int64_t inputs() const { return weight_.size(1); }
  int64_t outputs() const { return weight_.size(0); }

 private:
  at::Tensor weight_;
  at::Tensor bias_;                // float32 where the GEMM kernels are used
  at::Tensor forward_, backward_;  // packed for the GEMM kernels; undefined where these do not fit
};

}  // namespace nst::detail
