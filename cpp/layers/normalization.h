// What is done to an image before the first layer of a network sees it.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/workspace.h"

namespace nst::detail {

/// (image - mean) / std by channel, in float32, on the way from planes to the channels-last maps of the network.
class Normalization {
 public:
  /// mean, std: one for each of `channels`; both empty leave the image as it is.
  Normalization(std::vector<float> mean, std::vector<float> std, int64_t channels);

  /// image: (B, C, H, W). Returns the same shape, channels-last, in `type`, float32 or bfloat16.
  at::Tensor forward(const at::Tensor& image, at::ScalarType type, Workspace& workspace) const;

  /// The gradient with respect to the image, contiguous float32, from (B, C, H, W), channels-last.
  at::Tensor backward(const at::Tensor& gradient) const;

 private:
  std::vector<float> mean_, std_;
};

}  // namespace nst::detail
