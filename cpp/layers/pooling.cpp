#include "layers/pooling.h"

#include <ATen/Functions.h>

#include <algorithm>

#include "core/dtype_dispatch.h"
#include "core/parallel.h"
#include "core/workspace.h"

namespace nst::detail {
namespace {

// Rows of a pooled map that a thread takes at once.
constexpr int64_t kPooledRows = 4;
// Numbers of a map that a thread takes at once where positions do not matter; a multiple of eight, whose bits are a
// byte.
constexpr int64_t kGrain = 1 << 16;

// out = add, which may be out itself, or zero.
template <typename T>
void copy_or_zero(const T* add, int64_t count, T* out) {
  if (!add)
    std::fill(out, out + count, T(0));
  else if (add != out)
    std::copy(add, add + count, out);
}

}  // namespace

at::Tensor pool(const at::Tensor& input, bool average, bool relu, bool keep, at::Tensor& output) {
  const int64_t channels = input.size(1), height = input.size(2), width = input.size(3);
  const int64_t rows = height / 2, columns = width / 2, line = width * channels;
  auto takers = keep ? Workspace::shared().scratch(output.numel(), at::kByte) : at::Tensor();
  dispatch_dtype(input, [&](auto number) {
    using T = decltype(number);
    const T* in = data<T>(input);
    T* out = data<T>(output);
    auto* taken = data<uint8_t>(takers);
    parallel_dynamic(input.size(0) * rows, kPooledRows, [&](int64_t row, int64_t end) {
      for (; row < end; ++row) {
        const T* above = in + (row / rows * height + row % rows * 2) * line;
        const int64_t at = row * columns * channels;
        kernels_for<T>().pool_row(above, above + line, columns, channels, average, relu, out + at,
                                  taken ? taken + at : nullptr);
      }
    });
  });
  return takers;
}

void pool_backward(const at::Tensor& gradient, const at::Tensor& takers, bool average, const at::Tensor& add,
                   at::Tensor& output) {
  const int64_t channels = output.size(1), height = output.size(2), width = output.size(3);
  const int64_t rows = height / 2, columns = width / 2, line = width * channels;
  dispatch_dtype(gradient, [&](auto number) {
    using T = decltype(number);
    const T *from = data<T>(gradient), *plus = data<T>(add);
    const auto* taken = data<uint8_t>(takers);
    T* out = data<T>(output);
    // One more row than the pooled map has, for the line that an odd height leaves over.
    parallel_dynamic(output.size(0) * (rows + 1), kPooledRows, [&](int64_t row, int64_t end) {
      for (; row < end; ++row) {
        const int64_t n = row / (rows + 1), r = row % (rows + 1), at = (n * height + 2 * r) * line;
        const T* extra = plus ? plus + at : nullptr;
        if (r == rows) {
          if (height % 2) copy_or_zero(extra, line, out + at);
          continue;
        }
        const int64_t pooled = (n * rows + r) * columns * channels;
        kernels_for<T>().pool_row_backward(from + pooled, taken + pooled, extra, extra ? extra + line : nullptr,
                                           columns, channels, average ? 0.25f : 1.0f, out + at, out + at + line);
        for (int64_t k = 1; k <= 2 && width % 2; ++k) {
          const int64_t last = k * line - channels;
          copy_or_zero(extra ? extra + last : nullptr, channels, out + at + last);
        }
      }
    });
  });
}

at::Tensor sign_bits(const at::Tensor& map) {
  auto signs = Workspace::shared().scratch((map.numel() + 7) / 8, at::kByte);
  dispatch_dtype(map, [&](auto number) {
    using T = decltype(number);
    const T* from = data<T>(map);
    auto* bits = data<uint8_t>(signs);
    parallel_dynamic(map.numel(), kGrain, [&](int64_t first, int64_t end) {
      kernels_for<T>().sign_bits(from + first, end - first, bits + first / 8);
    });
  });
  return signs;
}

void mask_add(const at::Tensor& signs, const at::Tensor& add, at::Tensor& map) {
  dispatch_dtype(map, [&](auto number) {
    using T = decltype(number);
    const auto* bits = data<uint8_t>(signs);
    const T* a = data<T>(add);
    T* out = data<T>(map);
    parallel_dynamic(map.numel(), kGrain, [&](int64_t first, int64_t end) {
      kernels_for<T>().mask_add(bits ? bits + first / 8 : nullptr, a ? a + first : nullptr, end - first, out + first);
    });
  });
}

}  // namespace nst::detail
