#include "layers/projection.h"

#include <ATen/Functions.h>

#include "core/gemm.h"
#include "layers/parameter_check.h"

namespace nst::detail {

Projection::Projection(const at::Tensor& weight, const at::Tensor& bias) {
  check_parameters("projection", weight, bias, 1);
  weight_ = weight.detach().clone();
  bias_ = bias.detach().clone();
  const auto matrix = weight_.flatten(1).contiguous();
  if (!has_gemm(matrix)) return;
  forward_ = packed(matrix.t().contiguous());
  backward_ = packed(matrix);
  bias_ = bias_.to(at::kFloat);
}

at::Tensor Projection::forward(const at::Tensor& map, Workspace& workspace) const {
  if (forward_.defined()) return gemm_positions(map, forward_, bias_, workspace);
  return torch_positions(map, weight_, bias_).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor Projection::backward(const at::Tensor& gradient, Workspace& workspace) const {
  if (backward_.defined()) return gemm_positions(gradient, backward_, {}, workspace);
  return torch_positions(gradient, weight_.transpose(0, 1), {}).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace nst::detail
