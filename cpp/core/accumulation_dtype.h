// The dtype in which sums are made.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst::detail {

/// float64 for float64, else float32: sums of bfloat16 are never rounded to bfloat16.
inline at::ScalarType accumulation_dtype(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace nst::detail
