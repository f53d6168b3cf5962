// Convolution 3×3 with a border of zeros that reads few channels, as the first of a network does.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst::detail {

/// A frozen kernel. Sums are float32, whatever the maps are. General convolutions are slow for so few channels.
class FewChannelConvolution {
 public:
  /// weight: (K, C, 3, 3), bias: (K), float32 or bfloat16.
  FewChannelConvolution(const at::Tensor& weight, const at::Tensor& bias);

  /// Whether a convolution with such weights (K, C, 3, 3) can and should be done so.
  static bool fits(const at::Tensor& weight);

  int64_t outputs() const { return outputs_; }

  /// input: (B, C, H, W), output: (B, K, H, W), both channels-last. With `relu`, negative results become zero.
  void forward(const at::Tensor& input, bool relu, at::Tensor& output) const;

  /// The gradient with respect to the input: (B, K, H, W) to (B, C, H, W), both channels-last, the latter float32.
  at::Tensor backward(const at::Tensor& gradient) const;

 private:
  int64_t inputs_, outputs_, padded_;
  at::Tensor kernel_;       // packed (9 C, K)
  at::Tensor kernel_back_;  // packed (K, 9 C, filled up with zeros to `padded_`), in the dtype of the GEMM
  at::Tensor bias_;
};

}  // namespace nst::detail
