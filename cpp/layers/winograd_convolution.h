// Convolution 3×3 with a border of zeros, by Winograd's minimal filtering F(4×4, 3×3).
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308. It takes a quarter of
// the multiplications. In float32 the relative error is about 1e-6; in bfloat16, whose transformed tiles are rounded
// too, it is larger than that of a direct convolution.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/workspace.h"

namespace nst::detail {

/// A frozen kernel, for both directions. It is transformed at every call, into memory that is still in the cache when
/// it is read: to keep the transformed kernels of a VGG-19, four times its size in each direction, was measured to be
/// no faster.
class WinogradConvolution {
 public:
  /// weight: (K, C, 3, 3), float32 or bfloat16.
  explicit WinogradConvolution(const at::Tensor& weight);

  /// Whether a convolution with such weights (K, C, 3, 3) can be done so, and should be, on this processor.
  static bool fits(const at::Tensor& weight);

  /// Channels of the input and of the output of the convolution itself.
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }

  /// Convolve input (B, C, H, W) to output (B, K, H, W), both channels-last in the dtype of the weights.
  ///
  /// bias: float32 (K), added first. relu: whether negative results become zero then.
  /// workspace: gives room for the transformed kernel.
  /// signs: room for sign_bits() of the output, which are written; or undefined.
  void forward(const at::Tensor& input, const at::Tensor& bias, bool relu, Workspace& workspace, at::Tensor& output,
               const at::Tensor& signs) const;

  /// The gradient of the input (B, C, H, W) from that of the output (B, K, H, W). Undefined tensors leave a step out.
  ///
  /// signs: of sign_bits(); the result is zero where a bit is. add: like the result, is added last; it may be the
  /// result itself.
  void backward(const at::Tensor& gradient, const at::Tensor& signs, const at::Tensor& add, Workspace& workspace,
                at::Tensor& result) const;

 private:
  // A panel of outputs each: in pieces, which fit into gaps between maps.
  template <typename T>
  std::vector<at::Tensor> transformed(bool transposed, Workspace& workspace) const;

  int64_t inputs_, outputs_;
  at::Tensor weight_;  // (K / panel, C / panel, 9, panel of K, panel of C)
};

}  // namespace nst::detail
