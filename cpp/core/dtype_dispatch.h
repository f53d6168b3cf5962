// From a tensor's dtype to the kernels for it.
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>

#include "kernels/dispatch.h"

namespace nst::detail {

/// The kernels for float, or for uint16_t, which stands for the bits of bfloat16.
template <typename T>
const TypeKernels<T>& kernels_for() {
  if constexpr (std::is_same_v<T, float>)
    return kernels().fp32;
  else
    return kernels().bf16;
}

/// The address of the tensor's first number, or null for an undefined tensor.
template <typename T>
T* data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

/// Call `run` with a value of the type that holds the tensor's numbers: float, or uint16_t for bfloat16.
template <typename Run>
void dispatch_dtype(const at::Tensor& tensor, const Run& run) {
  TORCH_CHECK(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16,
              "nst: maps must be float32 or bfloat16, not ", tensor.scalar_type());
  if (tensor.scalar_type() == at::kFloat)
    run(float());
  else
    run(uint16_t());
}

}  // namespace nst::detail
