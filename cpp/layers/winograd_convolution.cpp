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
constexpr int64_t kHeldRows = 12;

template <typename T>
void convolve_image(const WinogradProblem<T>& problem) {
  const int64_t panel = kernels().panel, gap = kernels().gap;
  const int64_t all = (problem.height + 3) / 4 * problem.across, turns = kTurns * at::get_num_threads();
  const int64_t tiles = std::clamp((all / turns + kHeldRows - 1) / kHeldRows * kHeldRows, kHeldRows, kMostTiles);
  parallel_dynamic(all, tiles, [&](int64_t first, int64_t end) {
    thread_local std::vector<T> rows;
    thread_local std::vector<float> products;
    rows.resize(std::max<size_t>(rows.size(), tiles * (36 * problem.inputs + gap)));
    products.resize(std::max<size_t>(products.size(), tiles * (36 * panel + gap)));
    kernels_for<T>().matrix.winograd_tiles(problem, first, end - first, rows.data(), products.data());
  });
}

// What is done to the results: the epilogue's parts as tensors, which may be undefined.
struct Finish {
  at::Tensor bias;
  bool relu = false;
  at::Tensor signs, add, kept;
};

template <typename T>
void convolve(const at::Tensor& input, const std::vector<at::Tensor>& kernel, const Finish& finish,
              at::Tensor& output) {
  const int64_t inputs = input.size(1), outputs = output.size(1);
  const int64_t height = input.size(2), width = input.size(3), pixels = height * width;
  std::vector<const T*> panels;
  for (const auto& panel : kernel) panels.push_back(data<T>(panel));
  const auto from = [](auto* first, int64_t count) { return first ? first + count : nullptr; };
  for (int64_t n = 0; n < input.size(0) && pixels > 0; ++n) {
    const int64_t at = n * pixels * outputs;
    convolve_image<T>({data<T>(input) + n * pixels * inputs,
                       height,
                       width,
                       (width + 3) / 4,
                       inputs,
                       outputs,
                       panels.data(),
                       {data<float>(finish.bias), finish.relu, from(data<uint8_t>(finish.signs), at / 8),
                        from(data<T>(finish.add), at), from(data<uint8_t>(finish.kept), at / 8)},
                       data<T>(output) + at});
  }
}

}  // namespace

bool WinogradConvolution::fits(const at::Tensor& weight) {
  const int64_t panel = kernels().panel;
  if (weight.numel() == 0 || weight.size(0) % panel != 0 || weight.size(1) % panel != 0) return false;
  if (weight.scalar_type() == at::kBFloat16) return kernels().bf16.matrix.winograd_tiles;
  return weight.scalar_type() == at::kFloat;
}

WinogradConvolution::WinogradConvolution(const at::Tensor& weight) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3,
              "nst: a Winograd kernel needs weights (K, C, 3, 3), not ", weight.sizes());
  outputs_ = weight.size(0);
  inputs_ = weight.size(1);
  const int64_t panel = kernels().panel;
  TORCH_CHECK(inputs_ % panel == 0 && outputs_ % panel == 0, "nst: the Winograd kernel for ", kernels().isa,
              " needs multiples of ", panel, " channels, not ", inputs_, " and ", outputs_);
  weight_ = weight.reshape({outputs_ / panel, panel, inputs_ / panel, panel, 9}).permute({0, 2, 4, 1, 3}).contiguous();
}

// The kernel as winograd_tiles() reads it, of the convolution or, transposed, of its gradient.
template <typename T>
std::vector<at::Tensor> WinogradConvolution::transformed(bool transposed, Workspace& workspace) const {
  const int64_t panel = kernels().panel, block = 9 * panel * panel;
  const int64_t across = inputs_ / panel, from = transposed ? outputs_ : inputs_, to = transposed ? inputs_ : outputs_;
  std::vector<at::Tensor> panels;
  for (int64_t k = 0; k < to / panel; ++k)
    panels.push_back(workspace.scratch(36 * (from * panel + kernels().gap), weight_.scalar_type()));
  parallel_dynamic(to / panel, 1, [&](int64_t k, int64_t) {
    for (int64_t c = 0; c < from / panel; ++c)
      kernels_for<T>().matrix.winograd_weights(
          data<T>(weight_) + (transposed ? c * across + k : k * across + c) * block, transposed, from,
          data<T>(panels[k]) + c * panel * panel);
  });
  return panels;
}

void WinogradConvolution::forward(const at::Tensor& input, const at::Tensor& bias, bool relu, Workspace& workspace,
                                  at::Tensor& output, const at::Tensor& signs) const {
  dispatch_dtype(weight_, [&](auto number) {
    using T = decltype(number);
    const auto kernel = transformed<T>(false, workspace);
    convolve<T>(input, kernel, {bias, relu, {}, {}, signs}, output);
  });
}

void WinogradConvolution::backward(const at::Tensor& gradient, const at::Tensor& signs, const at::Tensor& add,
                                   Workspace& workspace, at::Tensor& result) const {
  dispatch_dtype(weight_, [&](auto number) {
    using T = decltype(number);
    const auto kernel = transformed<T>(true, workspace);
    convolve<T>(gradient, kernel, {{}, false, signs, add, {}}, result);
  });
}

}  // namespace nst::detail
