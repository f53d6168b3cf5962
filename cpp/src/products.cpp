#include "products.h"

#include <ATen/Functions.h>

#include "numbers.h"
#include "shares.h"

namespace nst {
namespace {

// Positions that a thread takes at once: their features lie in its second-level cache while panels of the matrix follow
// each other. A multiple of the rows of a product.
constexpr int64_t kChunk = 240;

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
    in_shares(positions, kChunk, [&](int64_t first, int64_t end) {
      loops<T>().products.product(from + first * channels, end - first, channels, data<T>(matrix), channels,
                                  data<float>(bias), to + first * channels);
    });
  });
}

}  // namespace nst
