#include "products.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "numbers.h"

namespace nst {
namespace {

// Positions whose features lie in the second-level cache together.
constexpr int64_t kChunk = 120;

}  // namespace

bool has_products(at::ScalarType type, int64_t channels) {
  if (channels == 0 || channels % kernels().panel != 0) return false;
  if (type == at::kBFloat16) return loops<uint16_t>().products.pack;
  return type == at::kFloat;
}

at::Tensor packed(const at::Tensor& matrix) {
  auto result = at::empty({matrix.numel()}, matrix.options());
  by_type(matrix, [&](auto number) {
    using T = decltype(number);
    loops<T>().products.pack(data<T>(matrix), nullptr, matrix.size(0), matrix.size(1), data<T>(result));
  });
  return result;
}

void multiply_positions(const at::Tensor& map, const at::Tensor& matrix, const at::Tensor& bias, at::Tensor& out) {
  const int64_t channels = map.size(1), positions = map.numel() / channels;
  by_type(map, [&](auto number) {
    using T = decltype(number);
    const T* from = data<T>(map);
    T* to = data<T>(out);
    at::parallel_for(0, positions, kChunk, [&](int64_t first, int64_t end) {
      for (int64_t p = first; p < end; p += kChunk)
        loops<T>().products.product(from + p * channels, std::min(kChunk, end - p), channels, data<T>(matrix), channels,
                                    data<float>(bias), to + p * channels);
    });
  });
}

}  // namespace nst
