#include "ops/gram.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "core/accumulation_dtype.h"
#include "core/compute_dtype.h"
#include "core/gemm.h"
#include "core/workspace.h"
#include "ops/gram_sums.h"

namespace nst::detail {
namespace {

// What a gradient of gram() must be.
void check_gradient(const at::Tensor& gradient, const at::Tensor& feature) {
  const int64_t batch = feature.size(0), channels = feature.size(1);
  TORCH_CHECK(gradient.sizes() == at::IntArrayRef({batch, channels, channels}) && gradient.device() == feature.device(),
              "nst::gram_backward: the gradient for a feature of shape ", feature.sizes(), " on ", feature.device(),
              " must be (", batch, ", ", channels, ", ", channels, "), not ", gradient.sizes(), " on ",
              gradient.device());
}

}  // namespace

at::Tensor gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
  check_gram_input(feature, weight);
  const int64_t batch = feature.size(0), channels = feature.size(1);
  auto result = at::zeros({batch, channels, channels}, feature.options().dtype(accumulation_dtype(feature)));
  accumulate_gram(feature, weight, result, {});
  return result;
}

at::Tensor gram_backward(const at::Tensor& gradient, const at::Tensor& feature,
                         const std::optional<at::Tensor>& weight) {
  check_gram_input(feature, weight);
  check_gradient(gradient, feature);
  if (feature.numel() == 0) return at::empty_like(feature);
  const bool kernel_fits = has_gram_kernel(feature);
  const auto type = compute_dtype(feature);
  if (!kernel_fits && type != feature.scalar_type())
    return gram_backward(gradient, feature.to(type), weight).to(feature.scalar_type());
  // A large gradient each evaluation: memory that was used before spares the system clearing its pages.
  auto result = kernel_fits ? Workspace::shared().map(feature.sizes(), feature.scalar_type()) : at::empty_like(feature);
  const auto both = (gradient + gradient.transpose(1, 2)).to(feature.scalar_type()).contiguous();
  for (int64_t n = 0; n < feature.size(0); ++n) {
    auto part = result.narrow(0, n, 1);
    auto image = result.select(0, n);
    auto out = positions_by_channels(image);
    const bool direct = out.is_alias_of(image);
    if (!direct) out = at::empty_like(out);
    if (kernel_fits)
      gemm_positions(feature.narrow(0, n, 1), packed(both.select(0, n)), {}, part);
    else
      at::mm_out(out, positions_by_channels(feature.select(0, n)), both.select(0, n));
    if (weight) out.mul_(column(*weight, n, out.scalar_type()));
    if (!direct) image.copy_(out.t().reshape(image.sizes()));
  }
  return result;
}

at::Tensor gram_backward_weight(const at::Tensor& gradient, const at::Tensor& feature) {
  check_gram_input(feature, {});
  check_gradient(gradient, feature);
  const auto wider = feature.to(gradient.scalar_type());
  const auto products = at::matmul(gradient, wider.flatten(2)).view(wider.sizes());
  return (products * wider).sum(1, true);
}

}  // namespace nst::detail
