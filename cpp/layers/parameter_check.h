// What the weight and bias of a frozen layer must be.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

namespace nst::detail {

/// Throw an error that says what is wrong with the parameters of a layer, a "convolution" or a "projection", whose
/// kernels have `side` by `side` elements.
inline void check_parameters(const char* layer, const at::Tensor& weight, const at::Tensor& bias, int64_t side) {
  TORCH_CHECK(weight.device().is_cpu() && bias.device().is_cpu(), "nst: the weights of a ", layer,
              " must be on the CPU, not on ", weight.device(), " and ", bias.device());
  TORCH_CHECK(weight.dim() == 4 && weight.size(2) == side && weight.size(3) == side, "nst: a ", layer,
              " needs weights (K, C, ", side, ", ", side, "), not ", weight.sizes());
  TORCH_CHECK(bias.dim() == 1 && bias.size(0) == weight.size(0), "nst: a ", layer, " with ", weight.size(0),
              " outputs cannot have a bias of shape ", bias.sizes());
  TORCH_CHECK(weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kBFloat16, "nst: ", layer,
              "s are float32 or bfloat16, not ", weight.scalar_type());
  TORCH_CHECK(bias.scalar_type() == weight.scalar_type(), "nst: weight is ", weight.scalar_type(), ", bias ",
              bias.scalar_type());
}

}  // namespace nst::detail
