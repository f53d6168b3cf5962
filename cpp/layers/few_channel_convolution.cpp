#include "layers/few_channel_convolution.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/dtype_dispatch.h"
#include "core/gemm.h"
#include "core/parallel.h"

namespace nst::detail {
namespace {

constexpr int64_t kMostInputs = 4;
// Rows that a thread takes at once. Of gradients more, where there are many: the first and the last row's neighbours
// are computed twice.
constexpr int64_t kRows = 8, kMostRows = 32;

}  // namespace

bool FewChannelConvolution::fits(const at::Tensor& weight) {
  return weight.size(1) > 0 && weight.size(1) <= kMostInputs && weight.size(0) > 0 &&
         weight.size(0) % kernels().panel == 0 &&
         (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kBFloat16);
}

FewChannelConvolution::FewChannelConvolution(const at::Tensor& weight, const at::Tensor& bias)
    : inputs_(weight.size(1)), outputs_(weight.size(0)), bias_(bias.to(at::kFloat).contiguous()) {
  const int64_t panel = kernels().panel;
  padded_ = (9 * inputs_ + panel - 1) / panel * panel;
  // (3, 3, C, K): what lies around a position, row by row.
  const auto matrix = weight.permute({2, 3, 1, 0}).reshape({9 * inputs_, outputs_});
  kernel_ = packed(matrix.to(at::kFloat).contiguous());
  const bool bf16 = weight.scalar_type() == at::kBFloat16 && kernels_for<uint16_t>().matrix.pack;
  auto back = at::zeros({outputs_, padded_}, bf16 ? at::kBFloat16 : at::kFloat);
  back.narrow(1, 0, 9 * inputs_).copy_(matrix.t());
  kernel_back_ = packed(back);
}

void FewChannelConvolution::forward(const at::Tensor& input, bool relu, at::Tensor& output) const {
  const int64_t height = input.size(2), width = input.size(3);
  dispatch_dtype(input, [&](auto number) {
    using T = decltype(number);
    parallel_dynamic(input.size(0) * height, kRows, [&](int64_t row, int64_t end) {
      std::vector<float> lines(3 * (width + 2) * inputs_);
      for (; row < end; ++row)
        kernels_for<T>().few_channel_row(data<T>(input) + row / height * height * width * inputs_, height, width,
                                         inputs_, row % height, data<float>(kernel_), outputs_, data<float>(bias_),
                                         relu, lines.data(), data<T>(output) + row * width * outputs_);
    });
  });
}

at::Tensor FewChannelConvolution::backward(const at::Tensor& gradient) const {
  const int64_t height = gradient.size(2), width = gradient.size(3), line = (width + 2) * padded_;
  auto result = at::empty({gradient.size(0), inputs_, height, width},
                          at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  dispatch_dtype(gradient, [&](auto number) {
    using T = decltype(number);
    const int64_t all = gradient.size(0) * height;
    parallel_dynamic(all, std::clamp(all / (2 * at::get_num_threads()), kRows, kMostRows),
                     [&](int64_t first, int64_t end) {
                       // The parts of row r are kept in one of three places; a row of the result needs those of its
                       // neighbours.
                       std::vector<float> widened(width * outputs_), parts(3 * line), nothing(line);
                       int64_t made = first - 2;
                       for (int64_t row = first; row < end; ++row) {
                         const int64_t top = row / height * height;
                         std::array<const float*, 3> rows{};
                         for (int64_t r = row - 1; r <= row + 1; ++r) {
                           const bool inside = r >= top && r < top + height;
                           float* place = parts.data() + (r + 3) % 3 * line;
                           if (inside && r > made) {
                             kernels_for<T>().few_channel_parts(data<T>(gradient) + r * width * outputs_, width,
                                                                outputs_, kernel_back_.const_data_ptr(), padded_,
                                                                widened.data(), place + padded_);
                             made = r;
                           }
                           rows[row + 1 - r] = inside ? place : nothing.data();
                         }
                         kernels_for<T>().few_channel_gather(rows.data(), width, inputs_, padded_,
                                                             data<float>(result) + row * width * inputs_);
                       }
                     });
  });
  return result;
}

}  // namespace nst::detail
