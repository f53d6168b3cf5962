#include "core/gemm.h"

#include <ATen/Functions.h>

#include "core/compute_dtype.h"
#include "core/dtype_dispatch.h"
#include "core/parallel.h"

namespace nst::detail {
namespace {

// Positions that a thread takes at once: their features lie in its second-level cache while panels of the matrix follow
// each other. A multiple of the rows that the GEMM kernel holds in registers.
constexpr int64_t kChunk = 240;

}  // namespace

bool has_gemm(at::ScalarType type, int64_t channels) {
  if (channels == 0 || channels % kernels().panel != 0) return false;
  if (type == at::kBFloat16) return kernels_for<uint16_t>().matrix.pack;
  return type == at::kFloat;
}

bool has_gemm(const at::Tensor& matrix) {
  return matrix.size(0) == matrix.size(1) && has_gemm(matrix.scalar_type(), matrix.size(1));
}

at::Tensor packed(const at::Tensor& matrix) {
  auto result = at::empty({matrix.numel()}, matrix.options());
  dispatch_dtype(matrix, [&](auto number) {
    using T = decltype(number);
    kernels_for<T>().matrix.pack(data<T>(matrix), nullptr, matrix.size(0), matrix.size(1), data<T>(result));
  });
  return result;
}

void gemm_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias, at::Tensor& out) {
  const int64_t channels = map.size(1), positions = map.numel() / channels;
  dispatch_dtype(map, [&](auto number) {
    using T = decltype(number);
    const T* from = data<T>(map);
    T* to = data<T>(out);
    parallel_dynamic(positions, kChunk, [&](int64_t first, int64_t end) {
      kernels_for<T>().matrix.gemm(from + first * channels, end - first, channels, data<T>(matrix), channels,
                                   data<float>(bias), to + first * channels);
    });
  });
}

at::Tensor gemm_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias,
                          Workspace& workspace) {
  auto result = workspace.map(map.sizes(), map.scalar_type());
  gemm_positions(map, matrix, bias, result);
  return result;
}

at::Tensor torch_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias) {
  const auto type = compute_dtype(map);
  const auto sum = bias.defined() ? bias.to(type) : bias;
  return at::conv2d(map.to(type), matrix.to(type), sum).to(map.scalar_type());
}

at::Tensor project_positions(const at::Tensor& feature, const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(feature.dim() == 4 && weight.dim() == 2 && feature.size(1) == weight.size(1) && bias.dim() == 1 &&
                  bias.size(0) == weight.size(0),
              "nst::project_positions: a feature (B, N, H, W), a weight (K, N) and a bias (K) are needed, not ",
              feature.sizes(), ", ", weight.sizes(), " and ", bias.sizes());
  TORCH_CHECK(weight.scalar_type() == feature.scalar_type(), "nst::project_positions: feature is ",
              feature.scalar_type(), ", weight ", weight.scalar_type());
  if (feature.device().is_cpu() && feature.is_contiguous(at::MemoryFormat::ChannelsLast) && has_gemm(weight))
    return gemm_positions(feature, packed(weight.t().contiguous()), bias.to(at::kFloat).contiguous(),
                          Workspace::shared());
  return torch_positions(feature, weight.unsqueeze(-1).unsqueeze(-1), bias.to(feature.scalar_type()));
}

}  // namespace nst::detail
