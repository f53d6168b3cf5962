#include "ops/squared_error.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "core/dtype_dispatch.h"
#include "core/parallel.h"

namespace nst::detail {
namespace {

// Numbers that one task goes over. The sum is over such pieces in order, so it does not depend on the threads.
constexpr int64_t kElements = 1 << 15;

// Both maps with their numbers in the same order and without gaps; copied only where they are not so.
std::pair<at::Tensor, at::Tensor> aligned(const at::Tensor& feature, const at::Tensor& target) {
  if (feature.is_non_overlapping_and_dense() && feature.strides() == target.strides()) return {feature, target};
  const auto dense = feature.is_non_overlapping_and_dense() ? feature : feature.contiguous();
  auto other = at::empty_like(dense);
  other.copy_(target);
  return {dense, other};
}

void check(const at::Tensor& feature, const at::Tensor& target) {
  TORCH_CHECK(feature.sizes() == target.sizes(),
              "nst::squared_error: feature and target must have the same shape, not ", feature.sizes(), " and ",
              target.sizes());
  TORCH_CHECK(feature.scalar_type() == target.scalar_type(),
              "nst::squared_error: feature and target must have the same dtype, not ", feature.scalar_type(), " and ",
              target.scalar_type());
  TORCH_CHECK(feature.device().is_cpu() && target.device().is_cpu(),
              "nst::squared_error: feature and target must be on the CPU, not ", feature.device(), " and ",
              target.device());
  const auto type = feature.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kDouble || type == at::kBFloat16,
              "nst::squared_error: feature must be float32, float64 or bfloat16, not ", type);
}

}  // namespace

at::Tensor squared_error(const at::Tensor& feature, const at::Tensor& target) {
  check(feature, target);
  if (feature.scalar_type() == at::kDouble) return (feature - target).square().sum();
  const auto [a, b] = aligned(feature, target);
  const int64_t count = a.numel(), pieces = (count + kElements - 1) / kElements;
  std::vector<double> sums(pieces);
  dispatch_dtype(a, [&, &a = a, &b = b](auto number) {
    using T = decltype(number);
    const T *x = data<T>(a), *y = data<T>(b);
    parallel_dynamic(count, kElements, [&](int64_t first, int64_t end) {
      sums[first / kElements] = kernels_for<T>().squared_error(x + first, y + first, end - first);
    });
  });
  return at::scalar_tensor(std::accumulate(sums.begin(), sums.end(), 0.0), at::kFloat);
}

at::Tensor squared_error_backward(const at::Tensor& gradient, const at::Tensor& feature, const at::Tensor& target) {
  check(feature, target);
  if (feature.scalar_type() == at::kDouble) return (feature - target) * (gradient * 2);
  const auto [a, b] = aligned(feature, target);
  auto result = at::empty_like(a);
  const float factor = 2 * gradient.item<float>();
  dispatch_dtype(a, [&, &a = a, &b = b](auto number) {
    using T = decltype(number);
    const T *x = data<T>(a), *y = data<T>(b);
    T* out = data<T>(result);
    parallel_dynamic(a.numel(), kElements, [&](int64_t first, int64_t end) {
      kernels_for<T>().scaled_difference(x + first, y + first, end - first, factor, out + first);
    });
  });
  return result;
}

}  // namespace nst::detail
