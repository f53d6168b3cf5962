#include "layers/normalization.h"

#include <ATen/Functions.h>
#include <c10/util/BFloat16.h>

#include <algorithm>
#include <utility>

#include "core/parallel.h"

namespace nst::detail {
namespace {

// Pixels that a thread takes at once.
constexpr int64_t kPiece = 1 << 13;

// Call run(image, channel, first, end) for pieces of every plane of a batch (B, C, H, W).
template <typename Run>
void by_plane(const at::Tensor& batch, const Run& run) {
  const int64_t channels = batch.size(1), pixels = batch.size(2) * batch.size(3);
  const int64_t pieces = (pixels + kPiece - 1) / kPiece;
  parallel_dynamic(batch.size(0) * pieces, 1, [&](int64_t piece, int64_t) {
    const int64_t first = piece % pieces * kPiece;
    for (int64_t c = 0; c < channels; ++c) run(piece / pieces, c, first, std::min(first + kPiece, pixels));
  });
}

template <typename T>
void to_maps(const at::Tensor& image, const std::vector<float>& mean, const std::vector<float>& std, at::Tensor& out) {
  const int64_t channels = image.size(1), pixels = image.size(2) * image.size(3);
  const auto* from = image.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<T>();
  by_plane(image, [&](int64_t n, int64_t c, int64_t first, int64_t end) {
    const float* plane = from + (n * channels + c) * pixels;
    T* map = to + n * channels * pixels + c;
    const float middle = mean[c], width = std[c];
    for (int64_t i = first; i < end; ++i) map[i * channels] = static_cast<T>((plane[i] - middle) / width);
  });
}

}  // namespace

Normalization::Normalization(std::vector<float> mean, std::vector<float> std, int64_t channels)
    : mean_(std::move(mean)), std_(std::move(std)) {
  if (mean_.empty() && std_.empty()) {
    mean_.assign(channels, 0.0f);
    std_.assign(channels, 1.0f);
  }
  TORCH_CHECK(static_cast<int64_t>(mean_.size()) == channels && mean_.size() == std_.size(), "nst: mean and std need ",
              channels, " numbers each, one for every channel, not ", mean_.size(), " and ", std_.size());
}

at::Tensor Normalization::forward(const at::Tensor& image, at::ScalarType type, Workspace& workspace) const {
  const auto planes = image.to(at::kFloat).contiguous();
  auto out = workspace.map(image.sizes(), type);
  if (type == at::kFloat)
    to_maps<float>(planes, mean_, std_, out);
  else
    to_maps<at::BFloat16>(planes, mean_, std_, out);
  return out;
}

at::Tensor Normalization::backward(const at::Tensor& gradient) const {
  const auto map = gradient.to(at::kFloat).contiguous(at::MemoryFormat::ChannelsLast);
  auto out = at::empty(map.sizes(), at::kFloat);
  const int64_t channels = map.size(1), pixels = map.size(2) * map.size(3);
  const auto* from = static_cast<const float*>(map.const_data_ptr());
  auto* to = out.mutable_data_ptr<float>();
  by_plane(map, [&](int64_t n, int64_t c, int64_t first, int64_t end) {
    const float* pixel = from + n * channels * pixels + c;
    float* plane = to + (n * channels + c) * pixels;
    for (int64_t i = first; i < end; ++i) plane[i] = pixel[i * channels] / std_[c];
  });
  return out;
}

}  // namespace nst::detail
