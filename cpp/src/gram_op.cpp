// nst::gram as an operator of torch: dispatch, shapes without data, gradient.
#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "nst/gram.h"

namespace nst {
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

at::Tensor call_gram_through(const at::Tensor& feature, const std::optional<at::Tensor>& weight,
                             const at::Tensor& head) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("nst::gram_through", "")
          .typed<at::Tensor(const at::Tensor&, const std::optional<at::Tensor>&, const at::Tensor&)>();
  return op.call(feature, weight, head);
}

at::Tensor call_gram_through_backward(const at::Tensor& gradient, const at::Tensor& feature,
                                      const std::optional<at::Tensor>& weight, const at::Tensor& head) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("nst::gram_through_backward", "")
                             .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                               const at::Tensor&)>();
  return op.call(gradient, feature, weight, head);
}

class GramThrough : public torch::autograd::Function<GramThrough> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& feature,
                            const std::optional<at::Tensor>& weight, const at::Tensor& head) {
    TORCH_CHECK(!head.requires_grad() && !(weight && weight->requires_grad()),
                "nst::gram_through: there are gradients of the feature only");
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({feature, weight.value_or(at::Tensor()), head});
    return call_gram_through(feature, weight, head);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto given = saved[1].defined() ? std::optional<at::Tensor>(saved[1]) : std::nullopt;
    return {call_gram_through_backward(gradients[0], saved[0], given, saved[2]), at::Tensor(), at::Tensor()};
  }
};

at::Tensor gram_through_autograd(const at::Tensor& feature, const std::optional<at::Tensor>& weight,
                                 const at::Tensor& head) {
  return GramThrough::apply(feature, weight, head);
}

at::Tensor gram_through_meta(const at::Tensor& feature, const std::optional<at::Tensor>& /*weight*/,
                             const at::Tensor& head) {
  TORCH_CHECK(feature.dim() == 4, "nst::gram_through: feature must have the shape (B, N, H, W), not ",
              feature.sym_sizes());
  const auto type = feature.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto outputs = head.sym_size(0);
  return at::empty_symint({feature.sym_size(0), outputs, outputs}, feature.options().dtype(type));
}

at::Tensor gram_through_backward_meta(const at::Tensor& /*gradient*/, const at::Tensor& feature,
                                      const std::optional<at::Tensor>& /*weight*/, const at::Tensor& /*head*/) {
  return at::empty_like(feature);
}

at::Tensor gram_meta(const at::Tensor& feature, const std::optional<at::Tensor>& /*weight*/) {
  TORCH_CHECK(feature.dim() == 4, "nst::gram: feature must have the shape (B, N, H, W), not ", feature.sym_sizes());
  const auto type = feature.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto batch = feature.sym_size(0), channels = feature.sym_size(1);
  return at::empty_symint({batch, channels, channels}, feature.options().dtype(type));
}

at::Tensor gram_backward_meta(const at::Tensor& /*gradient*/, const at::Tensor& feature,
                              const std::optional<at::Tensor>& /*weight*/) {
  return at::empty_like(feature);
}

at::Tensor gram_cpu(const at::Tensor& feature, const std::optional<at::Tensor>& weight) { return gram(feature, weight); }

at::Tensor gram_backward_cpu(const at::Tensor& gradient, const at::Tensor& feature,
                             const std::optional<at::Tensor>& weight) {
  return gram_backward(gradient, feature, weight);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(nst, library) {
  library.def("gram(Tensor feature, Tensor? weight=None) -> Tensor");
  library.def("gram_backward(Tensor gradient, Tensor feature, Tensor? weight=None) -> Tensor");
  library.def("gram_through(Tensor feature, Tensor? weight, Tensor head) -> Tensor");
  library.def("gram_through_backward(Tensor gradient, Tensor feature, Tensor? weight, Tensor head) -> Tensor");
}

TORCH_LIBRARY_IMPL(nst, CPU, library) {
  library.impl("gram", &gram_cpu);
  library.impl("gram_backward", &gram_backward_cpu);
  library.impl("gram_through", &gram_through);
  library.impl("gram_through_backward", &gram_through_backward);
}

TORCH_LIBRARY_IMPL(nst, Meta, library) {
  library.impl("gram", &gram_meta);
  library.impl("gram_backward", &gram_backward_meta);
  library.impl("gram_through", &gram_through_meta);
  library.impl("gram_through_backward", &gram_through_backward_meta);
}

TORCH_LIBRARY_IMPL(nst, Autograd, library) {
  library.impl("gram", &gram_autograd);
  library.impl("gram_through", &gram_through_autograd);
}

}  // namespace nst
