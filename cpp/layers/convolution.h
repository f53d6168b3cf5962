// A frozen convolution 3×3 with a border of zeros, in the fastest form that this machine has.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "core/workspace.h"
#include "layers/few_channel_convolution.h"
#include "layers/winograd_convolution.h"

namespace nst::detail {

/// Which form that is depends on the dtype, the instruction set and the numbers of channels, and is decided once, by
/// the constructor: cpp/README.md has the table.
class Convolution {
 public:
  /// weight (K, C, 3, 3) and bias (K), of one dtype, float32 or bfloat16.
  Convolution(const at::Tensor& weight, const at::Tensor& bias);

  int64_t outputs() const { return bias_.size(0); }

  /// input: (B, C, H, W), channels-last. Returns (B, K, H, W), channels-last; with `relu`, not negative.
  /// signs: becomes sign_bits() of the result; null where nobody wants them.
  at::Tensor forward(const at::Tensor& input, bool relu, Workspace& workspace, at::Tensor* signs = nullptr) const;

  /// The gradient with respect to the input, (B, C, H, W), channels-last. Where `signs` is defined, it is zero where
  /// a bit of sign_bits() of that map is; where `add` is defined, it is added then, and is written to if nobody else
  /// has it. Where neither is defined, the result may be float32 whatever the weights are.
  at::Tensor backward(const at::Tensor& gradient, const at::Tensor& signs, at::Tensor add, Workspace& workspace) const;

 private:
  struct Direct {
    at::Tensor weight, bias;
    bool packed = false;
    at::Tensor operator()(const at::Tensor& input, bool relu) const;
  };
  static Direct direct(const at::Tensor& weight, const at::Tensor& bias);
  at::Tensor forward_elsewhere(const at::Tensor& input, bool relu, Workspace& workspace) const;

  std::unique_ptr<WinogradConvolution> winograd_;
  std::unique_ptr<FewChannelConvolution> few_channels_;
  std::unique_ptr<Convolution> in_float32_;
  at::Tensor bias_;
  Direct direct_, direct_back_;
};

}  // namespace nst::detail
