#include "ops/projected_gram.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

#include "core/accumulation_dtype.h"
#include "core/gemm.h"
#include "ops/gram_sums.h"

namespace nst::detail {
namespace {

// gram() of the feature with one more channel that is one everywhere, (B, N + 1, N + 1).
at::Tensor gram_with_one(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
  const int64_t batch = feature.size(0), channels = feature.size(1);
  auto result = at::zeros({batch, channels + 1, channels + 1}, feature.options().dtype(accumulation_dtype(feature)));
  const auto sums = result.select(1, channels).narrow(1, 0, channels);
  accumulate_gram(feature, weight, result.narrow(1, 0, channels).narrow(2, 0, channels), sums);
  result.select(2, channels).narrow(1, 0, channels).copy_(sums);
  auto total = result.select(1, channels).select(1, channels);
  if (weight)
    total.copy_(weight->sum({1, 2, 3}));
  else
    total.fill_(feature.size(2) * feature.size(3));
  return result;
}

// What the projection (K, N + 1) of a feature must be; returns it in `type`.
at::Tensor checked_projection(const at::Tensor& projection, const at::Tensor& feature, at::ScalarType type) {
  TORCH_CHECK(
      projection.dim() == 2 && projection.size(1) == feature.size(1) + 1 && projection.device() == feature.device(),
      "nst::projected_gram: the projection for a feature of shape ", feature.sizes(), " on ", feature.device(),
      " must be (K, ", feature.size(1) + 1, "), not ", projection.sizes(), " on ", projection.device());
  return projection.to(type);
}

}  // namespace

at::Tensor projected_gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight,
                          const at::Tensor& projection) {
  check_gram_input(feature, weight);
  const auto affine = checked_projection(projection, feature, accumulation_dtype(feature));
  return at::matmul(at::matmul(affine, gram_with_one(feature, weight)), affine.t());
}

at::Tensor projected_gram_backward(const at::Tensor& gradient, const at::Tensor& feature,
                                   const std::optional<at::Tensor>& weight, const at::Tensor& projection) {
  check_gram_input(feature, weight);
  const auto affine = checked_projection(projection, feature, accumulation_dtype(feature));
  TORCH_CHECK(gradient.sizes() == at::IntArrayRef({feature.size(0), affine.size(0), affine.size(0)}),
              "nst::projected_gram_backward: the gradient for a feature of shape ", feature.sizes(),
              " and a projection of shape ", projection.sizes(), " cannot be ", gradient.sizes());
  if (feature.numel() == 0) return at::empty_like(feature);
  const int64_t channels = feature.size(1);
  const auto map =
      at::matmul(affine.t(), at::matmul(gradient + gradient.transpose(1, 2), affine)).narrow(1, 0, channels);
  std::vector<at::Tensor> parts;
  for (int64_t n = 0; n < feature.size(0); ++n)
    parts.push_back(project_positions(feature.narrow(0, n, 1), map[n].narrow(1, 0, channels).to(feature.scalar_type()),
                                      map[n].select(1, channels)));
  const auto result = parts.size() == 1 ? parts[0] : at::cat(parts);
  return weight ? (result * *weight).to(feature.scalar_type()) : result;
}

}  // namespace nst::detail
