#include "nst/narrow.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "numbers.h"

namespace nst {
namespace {

constexpr int64_t kMostInputs = 4;
// Positions of a row that are handled together.
constexpr int64_t kStrip = 96;

at::Tensor packed(const at::Tensor& matrix) {
  auto result = at::empty({matrix.numel()}, at::kFloat);
  kernels().wide.products.pack(matrix.const_data_ptr<float>(), nullptr, matrix.size(0), matrix.size(1),
                 result.mutable_data_ptr<float>());
  return result;
}

}  // namespace

bool Narrow::fits(const at::Tensor& weight) {
  return weight.size(1) > 0 && weight.size(1) <= kMostInputs && weight.size(0) > 0 &&
         weight.size(0) % kernels().panel == 0 &&
         (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kBFloat16);
}

Narrow::Narrow(const at::Tensor& weight, const at::Tensor& bias)
    : inputs_(weight.size(1)), outputs_(weight.size(0)), bias_(bias.to(at::kFloat).contiguous()) {
  const int64_t panel = kernels().panel;
  padded_ = (9 * inputs_ + panel - 1) / panel * panel;
  // (3, 3, C, K): what narrow_row() finds around a position, in its order.
  const auto matrix = weight.to(at::kFloat).permute({2, 3, 1, 0}).reshape({9 * inputs_, outputs_});
  kernel_ = packed(matrix.contiguous());
  auto back = at::zeros({outputs_, padded_}, at::kFloat);
  back.narrow(1, 0, 9 * inputs_).copy_(matrix.t());
  kernel_back_ = packed(back);
}

void Narrow::forward(const at::Tensor& input, bool relu, at::Tensor& output) const {
  const int64_t height = input.size(2), width = input.size(3);
  by_type(input, [&](auto number) {
    using T = decltype(number);
    at::parallel_for(0, input.size(0) * height, 1, [&](int64_t row, int64_t end) {
      std::vector<float> patches(kStrip * 9 * inputs_), products(kStrip * outputs_);
      for (; row < end; ++row) {
        const T* image = data<T>(input) + row / height * height * width * inputs_;
        for (int64_t x = 0; x < width; x += kStrip)
          loops<T>().narrow_row(image, height, width, inputs_, row % height, x, std::min(kStrip, width - x),
                                data<float>(kernel_), outputs_, data<float>(bias_), relu, patches.data(),
                                products.data(), data<T>(output) + (row * width + x) * outputs_);
      }
    });
  });
}

void Narrow::backward(const at::Tensor& gradient, at::Tensor& output) const {
  const int64_t height = gradient.size(2), width = gradient.size(3), line = width * padded_;
  // Not at::zeros(), which takes no notice of the memory format.
  auto result = at::empty(output.sizes(), at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  result.zero_();
  by_type(gradient, [&](auto number) {
    using T = decltype(number);
    at::parallel_for(0, gradient.size(0) * height, 32, [&](int64_t first, int64_t end) {
      std::vector<float> wide(width * outputs_), parts(3 * line);
      // The parts of row r are kept in one of three places; a row of the result needs those of its neighbours.
      int64_t made = first - 2;
      for (int64_t row = first; row < end; ++row) {
        const int64_t top = row / height * height;
        for (int64_t r = std::max({top, row - 1, made + 1}); r <= std::min(top + height - 1, row + 1); ++r) {
          loops<T>().narrow_parts(data<T>(gradient) + r * width * outputs_, width, outputs_,
                                  data<float>(kernel_back_), padded_, wide.data(), parts.data() + r % 3 * line);
          made = r;
        }
        float* out = data<float>(result) + row * width * inputs_;
        for (int64_t k = 0; k < 9; ++k) {
          // The tap at (k / 3, k % 3) read the pixel one less down and right of its position.
          const int64_t r = row + 1 - k / 3, shift = 1 - k % 3;
          if (r < top || r >= top + height) continue;
          const float* from = parts.data() + r % 3 * line + k * inputs_;
          for (int64_t x = std::max<int64_t>(0, -shift); x < std::min(width, width - shift); ++x)
            for (int64_t c = 0; c < inputs_; ++c) out[x * inputs_ + c] += from[(x + shift) * padded_ + c];
        }
      }
    });
  });
  output.copy_(result);
}

}  // namespace nst
