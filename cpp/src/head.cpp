#include "nst/head.h"

#include <ATen/Functions.h>

#include "parameters.h"
#include "products.h"

namespace nst {
namespace {

at::Tensor product(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias, Buffers& buffers) {
  auto result = buffers.map(map.sizes(), map.scalar_type());
  multiply_positions(map, matrix, bias, result);
  return result;
}

}  // namespace

Head::Head(const at::Tensor& weight, const at::Tensor& bias) {
  check_parameters("head", weight, bias, 1);
  weight_ = weight.detach().clone();
  bias_ = bias.detach().clone();
  // The loops multiply by square matrices.
  if (weight.size(0) != weight.size(1) || !has_products(weight.scalar_type(), weight.size(1))) return;
  const auto matrix = weight_.flatten(1).contiguous();
  forward_ = packed(matrix.t().contiguous());
  backward_ = packed(matrix);
  bias_ = bias_.to(at::kFloat);
}

at::Tensor Head::forward(const at::Tensor& map, Buffers& buffers) const {
  if (forward_.defined()) return product(map, forward_, bias_, buffers);
  return at::conv2d(map, weight_, bias_).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor Head::backward(const at::Tensor& gradient, Buffers& buffers) const {
  if (backward_.defined()) return product(gradient, backward_, {}, buffers);
  return at::conv2d(gradient, weight_.transpose(0, 1)).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace nst
