#include "layers/winograd_convolution.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "core/dtype_dispatch.h"
#include "core/parallel.h"

namespace nst::detail {
namespace {

// Tiles that a thread works on at once, at most: while the panels of the kernel are read over and over, they are all
// that has to stay in its second-level cache.
constexpr int64_t kMostTiles = 48;
// Fewer where there are few, so that every thread has several turns; but a multiple of the rows that the GEMM kernel
// holds in registers.
constexpr int64_t kTurns = 4;
constexpr int64_t kRows = 12;

template <typename T>
void convolve(const WinogradProblem<T>& problem) {
  const int64_t panel = kernels().panel, gap = kernels().gap;
  const int64_t all = (problem.height + 3) / 4 * problem.across, turns = kTurns * at::get_num_threads();
  const int64_t tiles = std::clamp((all / turns + kRows - 1) / kRows * kRows, kRows, kMostTiles);
  parallel_dynamic(all, tiles, [&](int64_t first, int64_t end) {
    thread_local std::vector<T> rows;
    thread_local std::vector<float> products;
    rows.resize(std::max<size_t>(rows.size(), tiles * (36 * problem.inputs + gap)));
    products.resize(std::max<size_t>(products.size(), tiles * (36 * panel + gap)));
    kernels_for<T>().matrix.winograd_tiles(problem, first, end - first, rows.data(), products.data());
  });
}

}  // namespace

bool WinogradConvolution::fits(const at::Tensor& weight) {
  const int64_t panel = kernels().panel;
  if (weight.numel() == 0 || weight.size(0) % panel != 0 || weight.size(1) % panel != 0) return false;
  if (weight.scalar_type() == at::kBFloat16) return kernels().bf16.matrix.winograd_tiles;
  return weight.scalar_type() == at::kFloat;
}

WinogradConvolution::WinogradConvolution(const at::Tensor& weight, bool transposed) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3,
              "nst: a Winograd kernel needs weights (K, C, 3, 3), not ", weight.sizes());
  const auto w = transposed ? weight.flip({2, 3}).transpose(0, 1) : weight;
  outputs_ = w.size(0);
  inputs_ = w.size(1);
  const int64_t panel = kernels().panel;
  TORCH_CHECK(inputs_ % panel == 0 && outputs_ % panel == 0, "nst: the Winograd kernel for ", kernels().isa,
              " needs multiples of ", panel, " channels, not ", inputs_, " and ", outputs_);
  int64_t step = 1;
  dispatch_dtype(w, [&](auto number) { step = kernels_for<decltype(number)>().matrix.step; });
  weight_ = w.reshape({outputs_ / panel, panel, inputs_ / panel, panel / step, step, 9})
                .permute({0, 2, 4, 3, 5, 1})
                .reshape({outputs_ / panel, inputs_, 9, panel})
                .contiguous();
}

void WinogradConvolution::operator()(const at::Tensor& input, const at::Tensor& bias, bool relu, const at::Tensor& mask,
                                     const at::Tensor& add, Workspace& workspace, at::Tensor& output) const {
  const int64_t panel = kernels().panel, apart = 36 * (inputs_ * panel + kernels().gap);
  auto packed = workspace.scratch(outputs_ / panel * apart, weight_.scalar_type());
  dispatch_dtype(weight_, [&](auto number) {
    using T = decltype(number);
    parallel_dynamic(outputs_ / panel, 1, [&](int64_t k, int64_t) {
      kernels_for<T>().matrix.winograd_weights(data<T>(weight_) + k * inputs_ * 9 * panel, inputs_,
                                               data<T>(packed) + k * apart);
    });
    const int64_t height = input.size(2), width = input.size(3), pixels = height * width;
    const auto image = [pixels](const at::Tensor& map, int64_t n, int64_t channels) {
      return map.defined() ? data<T>(map) + n * pixels * channels : nullptr;
    };
    for (int64_t n = 0; n < input.size(0) && pixels > 0; ++n)
      convolve<T>({image(input, n, inputs_),
                   height,
                   width,
                   (width + 3) / 4,
                   inputs_,
                   outputs_,
                   data<T>(packed),
                   {data<float>(bias), relu, image(mask, n, outputs_), image(add, n, outputs_)},
                   image(output, n, outputs_)});
  });
}

}  // namespace nst::detail
