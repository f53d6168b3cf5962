// A frozen convolution 3×3 with a border of zeros, in the fastest form that this machine has.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "nst/buffers.h"
#include "nst/narrow.h"
#include "nst/winograd.h"

namespace nst {

/// By Winograd where the processor and the numbers of channels favour it; by loops of its own for the few channels of an
/// image; in bfloat16 by oneDNN with its weights laid out once, or in float32 where oneDNN has no bfloat16; by torch's
/// convolution else.
class Convolution {
 public:
  /// weight (K, C, 3, 3) and bias (K), of one dtype, float32 or bfloat16.
  Convolution(const at::Tensor& weight, const at::Tensor& bias);

  /// input: (B, C, H, W), channels-last. Returns (B, K, H, W), channels-last; with `relu`, not negative.
  at::Tensor forward(const at::Tensor& input, bool relu, Buffers& buffers) const;

  /// The gradient with respect to the input. Where `mask` is defined, it is zero where that map is not positive;
  /// where `add` is defined, it is added then. Both are (B, C, H, W), channels-last. Where neither is defined, the
  /// result may be float32 whatever the weights are.
  at::Tensor backward(const at::Tensor& gradient, const at::Tensor& mask, const at::Tensor& add,
                      Buffers& buffers) const;

 private:
  struct Direct {
    at::Tensor weight, bias;
    bool packed = false;
    at::Tensor operator()(const at::Tensor& input, bool relu) const;
  };
  static Direct direct(const at::Tensor& weight, const at::Tensor& bias);

  std::unique_ptr<Winograd> winograd_, winograd_back_;
  std::unique_ptr<Narrow> narrow_;
  std::unique_ptr<Convolution> wide_;
  at::Tensor bias_;
  Direct direct_, direct_back_;
};

}  // namespace nst
