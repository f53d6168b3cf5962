#include "layers/pooling.h"

#include <algorithm>

#include "core/dtype_dispatch.h"
#include "core/parallel.h"

namespace nst::detail {
namespace {

// Rows of a pooled map that a thread takes at once.
constexpr int64_t kRows = 4;
// Elements of a map that a thread of mask_add() takes at once.
constexpr int64_t kGrain = 1 << 16;

template <typename T>
void copy_or_zero(const T* add, int64_t count, T* out) {
  if (add)
    std::copy(add, add + count, out);
  else
    std::fill(out, out + count, T(0));
}

}  // namespace

void pool(const at::Tensor& input, bool average, bool relu, at::Tensor& output) {
  const int64_t channels = input.size(1), height = input.size(2), width = input.size(3);
  const int64_t rows = height / 2, columns = width / 2, line = width * channels;
  dispatch_dtype(input, [&](auto number) {
    using T = decltype(number);
    const T* in = data<T>(input);
    T* out = data<T>(output);
    parallel_dynamic(input.size(0) * rows, kRows, [&](int64_t row, int64_t end) {
      for (; row < end; ++row) {
        const T* above = in + (row / rows * height + row % rows * 2) * line;
        kernels_for<T>().pool_row(above, above + line, columns, channels, average, relu,
                                  out + row * columns * channels);
      }
    });
  });
}

void pool_backward(const at::Tensor& gradient, const at::Tensor& input, bool average, bool relu, const at::Tensor& add,
                   at::Tensor& output) {
  const int64_t channels = input.size(1), height = input.size(2), width = input.size(3);
  const int64_t rows = height / 2, columns = width / 2, line = width * channels;
  dispatch_dtype(input, [&](auto number) {
    using T = decltype(number);
    const T *from = data<T>(gradient), *in = data<T>(input), *plus = data<T>(add);
    T* out = data<T>(output);
    // One more row than the pooled map has, for the line that an odd height leaves over.
    parallel_dynamic(input.size(0) * (rows + 1), kRows, [&](int64_t row, int64_t end) {
      for (; row < end; ++row) {
        const int64_t n = row / (rows + 1), r = row % (rows + 1), at = (n * height + 2 * r) * line;
        const T* extra = plus ? plus + at : nullptr;
        if (r == rows) {
          if (height % 2) copy_or_zero(extra, line, out + at);
          continue;
        }
        kernels_for<T>().pool_row_backward(from + (n * rows + r) * columns * channels, in + at, in + at + line, extra,
                                           extra ? extra + line : nullptr, columns, channels, average, relu, out + at,
                                           out + at + line);
        for (int64_t k = 1; k <= 2 && width % 2; ++k) {
          const int64_t last = k * line - channels;
          copy_or_zero(extra ? extra + last : nullptr, channels, out + at + last);
        }
      }
    });
  });
}

void mask_add(const at::Tensor& mask, const at::Tensor& add, at::Tensor& map) {
  dispatch_dtype(map, [&](auto number) {
    using T = decltype(number);
    const T *m = data<T>(mask), *a = data<T>(add);
    T* out = data<T>(map);
    parallel_dynamic(map.numel(), kGrain, [&](int64_t first, int64_t end) {
      kernels_for<T>().mask_add(m ? m + first : nullptr, a ? a + first : nullptr, end - first, out + first);
    });
  });
}

}  // namespace nst::detail
