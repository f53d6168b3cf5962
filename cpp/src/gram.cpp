#include "nst/gram.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "multiplied.h"
#include "nst/buffers.h"
#include "nst/head.h"
#include "numbers.h"
#include "products.h"

namespace nst {
namespace {

// bfloat16 products are made in blocks of positions, whose results are rounded to bfloat16 and summed in float32.
// With sixteen blocks or more the rounding averages out well below 1e-3 of the Gram matrix.
constexpr int64_t kMostPositions = 4096;
constexpr int64_t kFewestBlocks = 16;
// Below this many positions there is too little to average over, and float32 costs little.
constexpr int64_t kFewPositions = 2048;
// Blocks of channels: only those on and above the diagonal are computed. MKL and oneDNN are at their best from here on.
constexpr int64_t kChannels = 128;

void check(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
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

// What a gradient of gram() must be.
void check_gradient(const at::Tensor& gradient, const at::Tensor& feature) {
  const int64_t batch = feature.size(0), channels = feature.size(1);
  TORCH_CHECK(gradient.sizes() == at::IntArrayRef({batch, channels, channels}) && gradient.device() == feature.device(),
              "nst::gram_backward: the gradient for a feature of shape ", feature.sizes(), " on ", feature.device(),
              " must be (", batch, ", ", channels, ", ", channels, "), not ", gradient.sizes(), " on ", gradient.device());
}

at::ScalarType wide(const at::Tensor& feature) {
  return feature.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// One image (N, H, W) as a matrix (positions, N): a view for NCHW and channels-last, for anything else a copy.
at::Tensor positions_by_channels(const at::Tensor& image) { return image.permute({1, 2, 0}).flatten(0, 1); }

at::Tensor column(const at::Tensor& weight, int64_t image, at::ScalarType type) {
  return weight.select(0, image).reshape({-1, 1}).to(type);
}

// out += aᵀ b for matrices (positions, N) whose product is symmetric: blocks on and above the diagonal, then mirrored.
void add_symmetric_product(const at::Tensor& a, const at::Tensor& b, at::Tensor& out) {
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
// Positions that are summed by themselves before they are added to the others: so rounding does not grow with the image.
constexpr int64_t kBlock = 16 * kChunk;

// Channels-last maps go through our own loops, which beat the general product of matrices here: half of the result is
// all they make, and nothing is laid out anew.
bool fits_loops(const at::Tensor& feature) {
  return feature.device().is_cpu() && feature.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         has_products(feature.scalar_type(), feature.size(1));
}

// One image, channels-last: every thread sums its share of the positions. `plain`, if defined, gets the sums of F.
template <typename T>
void loop_gram(const T* feature, const float* factors, int64_t positions, int64_t channels, at::Tensor& out,
               const at::Tensor& plain) {
  const auto& kernel = loops<T>().products;
  const int64_t threads = std::clamp<int64_t>(positions / kChunk, 1, at::get_num_threads());
  const int64_t share = (positions + threads - 1) / threads;
  // A row more for the sums of F.
  const int64_t size = channels * (channels + 1);
  auto sums = at::zeros({threads, channels + 1, channels}, out.options());
  auto* const all = sums.mutable_data_ptr<float>();
  at::parallel_for(0, threads, 1, [&](int64_t thread, int64_t end) {
    std::vector<float> block(size);
    std::vector<T> packed(kChunk * channels * (factors ? 2 : 1));
    T *left = packed.data(), *right = factors ? left + kChunk * channels : left;
    for (; thread < end; ++thread) {
      const int64_t begin = thread * share, last = std::min(positions, begin + share);
      for (int64_t p = begin; p < last; p += kChunk) {
        const int64_t count = std::min(kChunk, last - p), depth = (count + kernel.step - 1) / kernel.step * kernel.step;
        kernel.pack(feature + p * channels, nullptr, count, channels, left);
        if (factors) kernel.pack(feature + p * channels, factors + p, count, channels, right);
        kernel.add_gram(left, right, depth, channels, block.data());
        if (plain.defined())
          loops<T>().add_positions(feature + p * channels, factors ? factors + p : nullptr, count, channels,
                                   block.data() + channels * channels);
        if ((p - begin + kChunk) % kBlock != 0 && p + kChunk < last) continue;
        float* sum = all + thread * size;
        for (int64_t i = 0; i < size; ++i) sum[i] += std::exchange(block[i], 0.0f);
      }
    }
  });
  const auto total = sums.sum(0);
  out.copy_(total.narrow(0, 0, channels));
  if (plain.defined()) plain.copy_(total[channels]);
}

// Add Σ F Fᵀ to `products` (B, N, N), and Σ F to `sums` (B, N), unless that is undefined.
void sum_products(const at::Tensor& feature, const std::optional<at::Tensor>& weight, const at::Tensor& products,
                  const at::Tensor& sums) {
  const int64_t batch = feature.size(0), channels = feature.size(1), positions = feature.size(2) * feature.size(3);
  const auto type = products.scalar_type();
  const bool own = fits_loops(feature), exact = feature.scalar_type() == type;
  if (!exact && !own && (positions < kFewPositions || multiplied_as(feature) == type))
    return sum_products(feature.to(type), weight, products, sums);
  if (sums.defined() && !own) sums.add_((weight ? feature.to(type) * *weight : feature.to(type)).sum({2, 3}));
  const int64_t block = std::clamp<int64_t>(positions / kFewestBlocks, 1, exact ? positions + 1 : kMostPositions);
  for (int64_t n = 0; n < batch && feature.numel() > 0; ++n) {
    const auto matrix = positions_by_channels(feature.select(0, n));
    auto out = products.select(0, n);
    if (own) {
      const auto factors = weight ? column(*weight, n, at::kFloat).contiguous() : at::Tensor();
      by_type(feature, [&](auto number) {
        using T = decltype(number);
        loop_gram(data<T>(feature) + n * positions * channels, data<float>(factors), positions, channels, out,
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
        add_symmetric_product(part, (part * factors).to(part.scalar_type()), out);
      } else {
        add_symmetric_product(part, part, out);
      }
      first += count;
    }
    mirror(out);
  }
}

// gram() of the feature with one more channel that is one everywhere, (B, N + 1, N + 1).
at::Tensor gram_with_one(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
  const int64_t batch = feature.size(0), channels = feature.size(1);
  auto result = at::zeros({batch, channels + 1, channels + 1}, feature.options().dtype(wide(feature)));
  const auto sums = result.select(1, channels).narrow(1, 0, channels);
  sum_products(feature, weight, result.narrow(1, 0, channels).narrow(2, 0, channels), sums);
  result.select(2, channels).narrow(1, 0, channels).copy_(sums);
  auto total = result.select(1, channels).select(1, channels);
  if (weight)
    total.copy_(weight->sum({1, 2, 3}));
  else
    total.fill_(feature.size(2) * feature.size(3));
  return result;
}

// What the head (K, N + 1) of a feature must be; returns it in `type`.
at::Tensor checked_head(const at::Tensor& head, const at::Tensor& feature, at::ScalarType type) {
  TORCH_CHECK(head.dim() == 2 && head.size(1) == feature.size(1) + 1 && head.device() == feature.device(),
              "nst::gram_through: the head for a feature of shape ", feature.sizes(), " on ", feature.device(),
              " must be (K, ", feature.size(1) + 1, "), not ", head.sizes(), " on ", head.device());
  return head.to(type);
}

}  // namespace

at::Tensor gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
  check(feature, weight);
  const int64_t batch = feature.size(0), channels = feature.size(1);
  auto result = at::zeros({batch, channels, channels}, feature.options().dtype(wide(feature)));
  sum_products(feature, weight, result, {});
  return result;
}

at::Tensor gram_backward(const at::Tensor& gradient, const at::Tensor& feature,
                         const std::optional<at::Tensor>& weight) {
  check(feature, weight);
  check_gradient(gradient, feature);
  if (feature.numel() == 0) return at::empty_like(feature);
  const bool own = fits_loops(feature);
  const auto multiplied = multiplied_as(feature);
  if (!own && multiplied != feature.scalar_type())
    return gram_backward(gradient, feature.to(multiplied), weight).to(feature.scalar_type());
  // A large gradient each evaluation: memory that was used before spares the system clearing its pages.
  auto result = own ? Buffers::shared().map(feature.sizes(), feature.scalar_type()) : at::empty_like(feature);
  const auto both = (gradient + gradient.transpose(1, 2)).to(feature.scalar_type()).contiguous();
  for (int64_t n = 0; n < feature.size(0); ++n) {
    auto part = result.narrow(0, n, 1);
    auto image = result.select(0, n);
    auto out = positions_by_channels(image);
    const bool direct = out.is_alias_of(image);
    if (!direct) out = at::empty_like(out);
    if (own)
      multiply_positions(feature.narrow(0, n, 1), packed(both.select(0, n)), {}, part);
    else
      at::mm_out(out, positions_by_channels(feature.select(0, n)), both.select(0, n));
    if (weight) out.mul_(column(*weight, n, out.scalar_type()));
    if (!direct) image.copy_(out.t().reshape(image.sizes()));
  }
  return result;
}

at::Tensor gram_through(const at::Tensor& feature, const std::optional<at::Tensor>& weight, const at::Tensor& head) {
  check(feature, weight);
  const auto both = checked_head(head, feature, wide(feature));
  return at::matmul(at::matmul(both, gram_with_one(feature, weight)), both.t());
}

at::Tensor gram_through_backward(const at::Tensor& gradient, const at::Tensor& feature,
                                 const std::optional<at::Tensor>& weight, const at::Tensor& head) {
  check(feature, weight);
  const auto both = checked_head(head, feature, wide(feature));
  TORCH_CHECK(gradient.sizes() == at::IntArrayRef({feature.size(0), both.size(0), both.size(0)}),
              "nst::gram_through_backward: the gradient for a feature of shape ", feature.sizes(), " and a head of shape ",
              head.sizes(), " cannot be ", gradient.sizes());
  if (feature.numel() == 0) return at::empty_like(feature);
  const int64_t channels = feature.size(1);
  const auto map = at::matmul(both.t(), at::matmul(gradient + gradient.transpose(1, 2), both)).narrow(1, 0, channels);
  std::vector<at::Tensor> parts;
  for (int64_t n = 0; n < feature.size(0); ++n)
    parts.push_back(map_positions(feature.narrow(0, n, 1), map[n].narrow(1, 0, channels).to(feature.scalar_type()),
                                  map[n].select(1, channels)));
  const auto result = parts.size() == 1 ? parts[0] : at::cat(parts);
  return weight ? (result * *weight).to(feature.scalar_type()) : result;
}

at::Tensor gram_backward_weight(const at::Tensor& gradient, const at::Tensor& feature) {
  check(feature, {});
  check_gradient(gradient, feature);
  const auto wider = feature.to(gradient.scalar_type());
  const auto products = at::matmul(gradient, wider.flatten(2)).view(wider.sizes());
  return (products * wider).sum(1, true);
}

}  // namespace nst
