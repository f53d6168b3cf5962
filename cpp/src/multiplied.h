// In what kind of numbers torch's own products and convolutions should be computed here.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst {

/// The dtype of `numbers`, but float32 for bfloat16 on a processor for which oneDNN has no bfloat16: there torch would
/// multiply it one number after the other, many times slower.
at::ScalarType multiplied_as(const at::Tensor& numbers);

}  // namespace nst
