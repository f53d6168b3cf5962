#include "ops/gram_sums.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/compute_dtype.h"
#include "core/dtype_dispatch.h"
#include "core/gemm.h"
#include "core/parallel.h"

namespace nst::detail {
namespace {

// bfloat16 is multiplied in blocks of positions, whose results are rounded to bfloat16 and summed in float32.
// With sixteen blocks or more the rounding averages out well below 1e-3 of the Gram matrix.
constexpr int64_t kMostPositions = 4096;
constexpr int64_t kFewestBlocks = 16;
// Below this many positions there is too little to average over, and float32 costs little.
constexpr int64_t kFewPositions = 2048;
// Blocks of channels: only those on and above the diagonal are computed. MKL and oneDNN are at their best from here on.
constexpr int64_t kChannels = 128;

// out += aᵀ b for matrices (positions, N) whose product is symmetric: blocks on and above the diagonal, then mirrored.
void add_symmetric_gemm(const at::Tensor& a, const at::Tensor& b, at::Tensor& out) {
  const int64_t channels = a.size(1);
  for (int64_t i = 0; i < channels; i += kChannels) {
    const int64_t width = std::min(kChannels, channels - i);
    const auto left = a.narrow(1, i, width).t(), right = b.narrow(1, i, channels - i);
    auto block = out.narrow(0, i, width).narrow(1, i, channels - i);
    if (a.scalar_type() == out.scalar_type())
      block.addmm_(left, right);
    else
      block.add_(at::mm(left, right));
  }
}

// Make the part below the diagonal what the part above it is.
void mirror(at::Tensor& out) { out.copy_(out.triu() + out.triu(1).t()); }

// Positions whose features lie in the second-level cache together.
constexpr int64_t kChunk = 128;
// Positions that are summed by themselves before they are added to the others: so rounding does not grow with the
// image.
constexpr int64_t kBlock = 16 * kChunk;
// Portions of the positions for each thread: one that is held up leaves the rest to the others.
constexpr int64_t kPortions = 4;

// One image, channels-last: every thread sums portions of the positions. `plain`, if defined, gets the sums of F.
template <typename T>
void kernel_gram(const T* feature, const float* factors, int64_t positions, int64_t channels, at::Tensor& out,
                 const at::Tensor& plain) {
  const auto& kernel = kernels_for<T>().matrix;
  const int64_t threads = std::clamp<int64_t>(positions / kChunk, 1, at::get_num_threads());
  const int64_t portions = std::clamp<int64_t>(positions / kBlock, threads, kPortions * threads);
  const int64_t portion = (positions + portions - 1) / portions;
  // A row more for the sums of F.
  const int64_t size = channels * (channels + 1);
  auto sums = at::zeros({portions, channels + 1, channels}, out.options());
  auto* const all = sums.mutable_data_ptr<float>();
  parallel_dynamic(portions, 1, [&](int64_t number, int64_t) {
    std::vector<float> block(size);
    std::vector<T> packed(kChunk * channels * (factors ? 2 : 1));
    T *left = packed.data(), *right = factors ? left + kChunk * channels : left;
    const int64_t begin = number * portion, last = std::min(positions, begin + portion);
    for (int64_t p = begin; p < last; p += kChunk) {
      const int64_t count = std::min(kChunk, last - p), depth = (count + kernel.step - 1) / kernel.step * kernel.step;
      kernel.pack(feature + p * channels, nullptr, count, channels, left);
      if (factors) kernel.pack(feature + p * channels, factors + p, count, channels, right);
      kernel.add_gram(left, right, depth, channels, block.data());
      if (plain.defined())
        kernels_for<T>().add_positions(feature + p * channels, factors ? factors + p : nullptr, count, channels,
                                       block.data() + channels * channels);
      if ((p - begin + kChunk) % kBlock != 0 && p + kChunk < last) continue;
      float* sum = all + number * size;
      for (int64_t i = 0; i < size; ++i) sum[i] += std::exchange(block[i], 0.0f);
    }
  });
  const auto total = sums.sum(0);
  out.copy_(total.narrow(0, 0, channels));
  if (plain.defined()) plain.copy_(total[channels]);
}

}  // namespace

void check_gram_input(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
  TORCH_CHECK(feature.dim() == 4, "nst::gram: feature must have the shape (B, N, H, W), not ", feature.sizes());
  TORCH_CHECK(feature.scalar_type() == at::kFloat || feature.scalar_type() == at::kDouble ||
                  feature.scalar_type() == at::kBFloat16,
              "nst::gram: feature must be float32, float64 or bfloat16, not ", feature.scalar_type());
  if (!weight) return;
  TORCH_CHECK(weight->dim() == 4 && weight->size(0) == feature.size(0) && weight->size(1) == 1 &&
                  weight->size(2) == feature.size(2) && weight->size(3) == feature.size(3),
              "nst::gram: weight must have the shape (B, 1, H, W) of the feature's ", feature.sizes(), ", not ",
              weight->sizes());
  TORCH_CHECK(weight->device() == feature.device(), "nst::gram: weight is on ", weight->device(), ", feature on ",
              feature.device());
}

at::Tensor positions_by_channels(const at::Tensor& image) { return image.permute({1, 2, 0}).flatten(0, 1); }

at::Tensor column(const at::Tensor& weight, int64_t image, at::ScalarType type) {
  return weight.select(0, image).reshape({-1, 1}).to(type);
}

bool has_gram_kernel(const at::Tensor& feature) {
  return feature.device().is_cpu() && feature.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         has_gemm(feature.scalar_type(), feature.size(1));
}

void accumulate_gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight, const at::Tensor& gram,
                     const at::Tensor& sums) {
  const int64_t batch = feature.size(0), channels = feature.size(1), positions = feature.size(2) * feature.size(3);
  const auto type = gram.scalar_type();
  const bool kernel_fits = has_gram_kernel(feature), exact = feature.scalar_type() == type;
  if (!exact && !kernel_fits && (positions < kFewPositions || compute_dtype(feature) == type))
    return accumulate_gram(feature.to(type), weight, gram, sums);
  if (sums.defined() && !kernel_fits) sums.add_((weight ? feature.to(type) * *weight : feature.to(type)).sum({2, 3}));
  const int64_t block = std::clamp<int64_t>(positions / kFewestBlocks, 1, exact ? positions + 1 : kMostPositions);
  for (int64_t n = 0; n < batch && feature.numel() > 0; ++n) {
    const auto matrix = positions_by_channels(feature.select(0, n));
    auto out = gram.select(0, n);
    if (kernel_fits) {
      const auto factors = weight ? column(*weight, n, at::kFloat).contiguous() : at::Tensor();
      dispatch_dtype(feature, [&](auto number) {
        using T = decltype(number);
        kernel_gram(data<T>(feature) + n * positions * channels, data<float>(factors), positions, channels, out,
                    sums.defined() ? sums[n] : sums);
      });
      mirror(out);
      continue;
    }
    for (int64_t first = 0; first < positions;) {
      const int64_t count = exact ? positions : std::min(block, positions - first);
      const auto part = matrix.narrow(0, first, count);
      if (weight) {
        const auto factors = column(*weight, n, type).narrow(0, first, count);
        add_symmetric_gemm(part, (part * factors).to(part.scalar_type()), out);
      } else {
        add_symmetric_gemm(part, part, out);
      }
      first += count;
    }
    mirror(out);
  }
}

}  // namespace nst::detail
