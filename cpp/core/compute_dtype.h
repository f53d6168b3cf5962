// The dtype in which torch's own GEMMs and convolutions should compute on this processor.
#pragma once

#include <ATen/core/Tensor.h>

namespace nst::detail {

/// The dtype of `tensor`, except float32 for bfloat16 on a processor for which oneDNN has no bfloat16: there torch
/// would fall back to scalar code, which is many times slower.
at::ScalarType compute_dtype(const at::Tensor& tensor);

}  // namespace nst::detail
