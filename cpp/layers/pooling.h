// Passes over maps that are channels-last (B, C, H, W), float32 or bfloat16, on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst::detail {

/// Pool 2×2 with stride 2 into `output`, (B, C, H/2, W/2). With `relu`, negative inputs count as zero.
///
/// keep: return what pool_backward() needs, a byte for each number of the output; else an undefined tensor.
at::Tensor pool(const at::Tensor& input, bool average, bool relu, bool keep, at::Tensor& output);

/// The gradient of pool() with respect to its input, plus `add` where that is defined.
///
/// takers: of pool(). With ties the first of the four gets the gradient, as in torch.
/// add: like the input; it may be the output itself.
void pool_backward(const at::Tensor& gradient, const at::Tensor& takers, bool average, const at::Tensor& add,
                   at::Tensor& output);

/// A bit for each number of a map, in the order in which they lie in memory: whether it is positive. It takes a
/// sixteenth of the memory of bfloat16.
at::Tensor sign_bits(const at::Tensor& map);

/// The gradient of a ReLU and of what else reads its input: map = (bit ? map : 0) + add, in place, with the bits of
/// sign_bits(). Undefined ones are left out.
void mask_add(const at::Tensor& signs, const at::Tensor& add, at::Tensor& map);

}  // namespace nst::detail
