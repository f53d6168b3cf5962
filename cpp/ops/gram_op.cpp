// nst::gram as an operator of torch: dispatch, shapes without data, gradient.
#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/accumulation_dtype.h"
#include "ops/gram.h"
#include "ops/registration.h"

namespace nst::detail {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor call_gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("nst::gram", "")
                             .typed<at::Tensor(const at::Tensor&, const std::optional<at::Tensor>&)>();
  return op.call(feature, weight);
}

at::Tensor call_gram_backward(const at::Tensor& gradient, const at::Tensor& feature,
                              const std::optional<at::Tensor>& weight) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("nst::gram_backward", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&)>();
  return op.call(gradient, feature, weight);
}

class Gram : public torch::autograd::Function<Gram> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& feature,
                            const std::optional<at::Tensor>& weight) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({feature, weight.value_or(at::Tensor())});
    return call_gram(feature, weight);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &feature = saved[0], &weight = saved[1];
    const auto given = weight.defined() ? std::optional<at::Tensor>(weight) : std::nullopt;
    variable_list result(2);
    if (context->needs_input_grad(0)) result[0] = call_gram_backward(gradients[0], feature, given);
    if (weight.defined() && context->needs_input_grad(1))
      result[1] = gram_backward_weight(gradients[0], feature).to(weight.scalar_type());
    return result;
  }
};

at::Tensor gram_autograd(const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
  return Gram::apply(feature, weight);
}

at::Tensor gram_meta(const at::Tensor& feature, const std::optional<at::Tensor>& /*weight*/) {
  TORCH_CHECK(feature.dim() == 4, "nst::gram: feature must have the shape (B, N, H, W), not ", feature.sym_sizes());
  const auto batch = feature.sym_size(0), channels = feature.sym_size(1);
  return at::empty_symint({batch, channels, channels}, feature.options().dtype(accumulation_dtype(feature)));
}

at::Tensor gram_backward_meta(const at::Tensor& /*gradient*/, const at::Tensor& feature,
                              const std::optional<at::Tensor>& /*weight*/) {
  return at::empty_like(feature);
}

}  // namespace

void register_gram(Libraries& libraries) {
  libraries.schemas.def("gram(Tensor feature, Tensor? weight=None) -> Tensor");
  libraries.schemas.def("gram_backward(Tensor gradient, Tensor feature, Tensor? weight=None) -> Tensor");
  libraries.cpu.impl("gram", &gram);
  libraries.cpu.impl("gram_backward", &gram_backward);
  libraries.meta.impl("gram", &gram_meta);
  libraries.meta.impl("gram_backward", &gram_backward_meta);
  libraries.autograd.impl("gram", &gram_autograd);
}

}  // namespace nst::detail
