// Convolution 3×3 with a border of zeros, by Winograd's minimal filtering F(4×4, 3×3).
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308. It takes a quarter of
// the multiplications. In float32 the relative error is about 1e-6; in bfloat16, whose transformed tiles are rounded
// too, it is larger than that of a direct convolution.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/workspace.h"

namespace nst::detail {

/// A frozen kernel. It is transformed at every call, into memory that is still in the cache when it is read: to keep
/// the transformed kernels of a VGG-19, four times its size in each direction, was measured to be no faster.
class WinogradConvolution {
 public:
  /// weight: (K, C, 3, 3), float32 or bfloat16. With `transposed`, the convolution is the input gradient of the one
  /// with `weight`.
  WinogradConvolution(const at::Tensor& weight, bool transposed);

  /// Whether a convolution with such weights (K, C, 3, 3) can be done so, and should be, on this processor.
  static bool fits(const at::Tensor& weight);

  int64_t outputs() const { return outputs_; }

  /// Convolve. Undefined tensors leave a step out.
  ///
  /// input: channels-last (B, C, H, W); output: channels-last (B, K, H, W); both in the dtype of the weights.
  /// bias: float32 (K), added first. relu: whether negative results become zero then.
  /// mask: like output; the result is zero where it is not positive. add: like output, is added last.
  /// workspace: gives room for the transformed kernel.
  void operator()(const at::Tensor& input, const at::Tensor& bias, bool relu, const at::Tensor& mask,
                  const at::Tensor& add, Workspace& workspace, at::Tensor& output) const;

 private:
  int64_t inputs_, outputs_;
  at::Tensor weight_;  // (outputs / panel, inputs, 9, panel), the inputs in the order of winograd_weights()
};

}  // namespace nst::detail
