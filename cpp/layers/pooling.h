// Passes over maps that are channels-last (B, C, H, W), float32 or bfloat16, on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst::detail {

/// Pool 2×2 with stride 2 into `output`, (B, C, H/2, W/2). With `relu`, negative inputs count as zero.
void pool(const at::Tensor& input, bool average, bool relu, at::Tensor& output);

/// The gradient of pool() with respect to its input, plus `add` where that is defined.
/// With ties the first of the four gets the gradient, as in torch.
void pool_backward(const at::Tensor& gradient, const at::Tensor& input, bool average, bool relu, const at::Tensor& add,
                   at::Tensor& output);

/// The gradient of a ReLU and of what else reads its input: map = (mask > 0 ? map : 0) + add, in place.
/// An undefined mask or add is left out.
void mask_add(const at::Tensor& mask, const at::Tensor& add, at::Tensor& map);

}  // namespace nst::detail
