#include "nst/head.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "numbers.h"

namespace nst {
namespace {

// Positions whose features lie in the second-level cache together.
constexpr int64_t kChunk = 128;

at::Tensor packed(const at::Tensor& matrix) {
  auto result = at::empty({matrix.numel()}, matrix.options());
  const auto laid = matrix.contiguous();
  by_type(laid, [&](auto number) {
    using T = decltype(number);
    loops<T>().products.pack(data<T>(laid), nullptr, laid.size(0), laid.size(1), data<T>(result));
  });
  return result;
}

// The loops multiply by square matrices.
bool fits_loops(const at::Tensor& weight) {
  if (weight.size(0) != weight.size(1) || weight.size(0) == 0 || weight.size(0) % kernels().panel != 0) return false;
  return weight.scalar_type() == at::kFloat || loops<uint16_t>().products.product;
}

}  // namespace

Head::Head(const at::Tensor& weight, const at::Tensor& bias)
    : weight_(weight.detach()), bias_(bias.detach().contiguous()), wide_bias_(bias_.to(at::kFloat)) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(2) == 1 && weight.size(3) == 1,
              "nst: a head needs weights (K, C, 1, 1), not ", weight.sizes());
  TORCH_CHECK(bias.dim() == 1 && bias.size(0) == weight.size(0), "nst: a head with ", weight.size(0),
              " outputs cannot have a bias of shape ", bias.sizes());
  TORCH_CHECK(weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kBFloat16,
              "nst: heads are float32 or bfloat16, not ", weight.scalar_type());
  TORCH_CHECK(bias.scalar_type() == weight.scalar_type(), "nst: weight is ", weight.scalar_type(), ", bias ",
              bias.scalar_type());
  if (!fits_loops(weight_)) return;
  const auto matrix = weight_.flatten(1);
  forward_ = packed(matrix.t());
  backward_ = packed(matrix);
}

at::Tensor Head::forward(const at::Tensor& map, Buffers& buffers) const {
  if (forward_.defined()) return apply(map, forward_, wide_bias_, buffers);
  return at::conv2d(map, weight_, bias_).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor Head::backward(const at::Tensor& gradient, Buffers& buffers) const {
  if (backward_.defined()) return apply(gradient, backward_, {}, buffers);
  return at::conv2d(gradient, weight_.transpose(0, 1)).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor Head::apply(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias,
                       Buffers& buffers) const {
  const int64_t channels = map.size(1), positions = map.size(0) * map.size(2) * map.size(3);
  auto result = buffers.map(map.sizes(), map.scalar_type());
  by_type(map, [&](auto number) {
    using T = decltype(number);
    const auto multiply = loops<T>().products.product;
    const T* from = data<T>(map);
    T* to = data<T>(result);
    at::parallel_for(0, positions, kChunk, [&](int64_t first, int64_t end) {
      std::vector<float> products(kChunk * channels);
      for (int64_t p = first; p < end; p += kChunk)
        multiply(from + p * channels, std::min(kChunk, end - p), data<T>(matrix), channels, data<float>(bias),
                 products.data(), to + p * channels);
    });
  });
  return result;
}

}  // namespace nst
