#include "nst/losses.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>

#include "core/accumulation_dtype.h"

namespace nst {
namespace {

// A style without any energy at a layer has nothing to be relative to. As in the plugin gram-style.
constexpr double kSmallestEnergy = 1e-8;

at::Tensor to_accumulation(const at::Tensor& feature) { return feature.to(detail::accumulation_dtype(feature)); }

// Σ F Fᵀ with a gradient: by the operator of gram_op.cpp on the CPU, by torch elsewhere.
at::Tensor summed_gram(const at::Tensor& feature) {
  if (!feature.device().is_cpu()) {
    const auto flat = to_accumulation(feature).flatten(2);
    return at::matmul(flat, flat.transpose(1, 2));
  }
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("nst::gram", "")
                             .typed<at::Tensor(const at::Tensor&, const std::optional<at::Tensor>&)>();
  return op.call(feature, std::nullopt);
}

// Σ (F_G - F_C)² with a gradient, likewise.
at::Tensor summed_squares(const at::Tensor& feature, const at::Tensor& target) {
  if (!feature.device().is_cpu()) return (to_accumulation(feature) - to_accumulation(target)).square().sum();
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("nst::squared_error", "")
                             .typed<at::Tensor(const at::Tensor&, const at::Tensor&)>();
  return op.call(feature, target);
}

}  // namespace

at::Tensor averaged_gram(const at::Tensor& feature) {
  return summed_gram(feature) / static_cast<double>(feature.size(2) * feature.size(3));
}

at::Tensor content_loss(const at::Tensor& feature, const at::Tensor& target, int64_t channels,
                        ContentReduction reduction) {
  const auto positions = static_cast<double>(feature.size(2) * feature.size(3));
  const double factor = reduction == ContentReduction::sum ? 0.5 : 1.0 / (static_cast<double>(channels) * positions);
  return summed_squares(feature, target) * factor;
}

at::Tensor style_loss(const at::Tensor& feature, const at::Tensor& target, int64_t channels,
                      GramNormalization normalization) {
  const auto squares = (averaged_gram(feature) - target).square().sum({1, 2});
  if (normalization == GramNormalization::relative) {
    return (squares / target.square().sum({1, 2}).clamp_min(kSmallestEnergy)).sum();
  }
  const auto n = static_cast<double>(channels);
  return squares.sum() * (normalization == GramNormalization::gatys ? 0.25 / (n * n) : 1.0 / std::pow(n, 4));
}

}  // namespace nst
