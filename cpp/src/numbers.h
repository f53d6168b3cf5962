// The kinds of numbers in maps, and the loops over each.
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>

#include "kernels.h"

namespace nst {

template <typename T>
const MapKernels<T>& loops() {
  if constexpr (std::is_same_v<T, float>)
    return kernels().wide;
  else
    return kernels().half;
}

/// Where the map's numbers lie, or null for an undefined map.
template <typename T>
T* data(const at::Tensor& map) {
  return map.defined() ? static_cast<T*>(map.data_ptr()) : nullptr;
}

/// Call `run` with a value whose type is that of the map's numbers.
template <typename Run>
void by_type(const at::Tensor& map, const Run& run) {
  TORCH_CHECK(map.scalar_type() == at::kFloat || map.scalar_type() == at::kBFloat16,
              "nst: maps must be float32 or bfloat16, not ", map.scalar_type());
  if (map.scalar_type() == at::kFloat)
    run(float());
  else
    run(uint16_t());
}

}  // namespace nst
