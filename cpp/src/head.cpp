#include "nst/head.h"

#include <ATen/Functions.h>

#include "multiplied.h"
#include "parameters.h"
#include "products.h"

namespace nst {
namespace {

at::Tensor product(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias, Buffers& buffers) {
  auto result = buffers.map(map.sizes(), map.scalar_type());
  multiply_positions(map, matrix, bias, result);
  return result;
}

// Whether our loops can multiply maps by such a matrix (K, C): it must be square.
bool fits_loops(const at::Tensor& matrix) {
  return matrix.size(0) == matrix.size(1) && has_products(matrix.scalar_type(), matrix.size(1));
}

// A map of which every position is multiplied by a matrix (K, C, 1, 1), by torch.
at::Tensor convolved(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias) {
  const auto type = multiplied_as(map);
  const auto sum = bias.defined() ? bias.to(type) : bias;
  return at::conv2d(map.to(type), matrix.to(type), sum).to(map.scalar_type());
}

}  // namespace

Head::Head(const at::Tensor& weight, const at::Tensor& bias) {
  check_parameters("head", weight, bias, 1);
  weight_ = weight.detach().clone();
  bias_ = bias.detach().clone();
  const auto matrix = weight_.flatten(1).contiguous();
  if (!fits_loops(matrix)) return;
  forward_ = packed(matrix.t().contiguous());
  backward_ = packed(matrix);
  bias_ = bias_.to(at::kFloat);
}

at::Tensor Head::forward(const at::Tensor& map, Buffers& buffers) const {
  if (forward_.defined()) return product(map, forward_, bias_, buffers);
  return convolved(map, weight_, bias_).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor Head::backward(const at::Tensor& gradient, Buffers& buffers) const {
  if (backward_.defined()) return product(gradient, backward_, {}, buffers);
  return convolved(gradient, weight_.transpose(0, 1), {}).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor map_positions(const at::Tensor& feature, const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(feature.dim() == 4 && weight.dim() == 2 && feature.size(1) == weight.size(1) && bias.dim() == 1 &&
                  bias.size(0) == weight.size(0),
              "nst::map_positions: a feature (B, N, H, W), a weight (K, N) and a bias (K) are needed, not ",
              feature.sizes(), ", ", weight.sizes(), " and ", bias.sizes());
  TORCH_CHECK(weight.scalar_type() == feature.scalar_type(), "nst::map_positions: feature is ", feature.scalar_type(),
              ", weight ", weight.scalar_type());
  if (feature.device().is_cpu() && feature.is_contiguous(at::MemoryFormat::ChannelsLast) && fits_loops(weight))
    return product(feature, packed(weight.t().contiguous()), bias.to(at::kFloat).contiguous(), Buffers::shared());
  return convolved(feature, weight.unsqueeze(-1).unsqueeze(-1), bias.to(feature.scalar_type()));
}

}  // namespace nst
