// nst::projected_gram as an operator of torch: dispatch, shapes without data, gradient.
#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/accumulation_dtype.h"
#include "ops/projected_gram.h"
#include "ops/registration.h"

namespace nst::detail {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor call_projected_gram(const at::Tensor& feature, const std::optional<at::Tensor>& weight,
                               const at::Tensor& projection) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("nst::projected_gram", "")
          .typed<at::Tensor(const at::Tensor&, const std::optional<at::Tensor>&, const at::Tensor&)>();
  return op.call(feature, weight, projection);
}

at::Tensor call_projected_gram_backward(const at::Tensor& gradient, const at::Tensor& feature,
                                        const std::optional<at::Tensor>& weight, const at::Tensor& projection) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("nst::projected_gram_backward", "")
                             .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                               const at::Tensor&)>();
  return op.call(gradient, feature, weight, projection);
}

class ProjectedGram : public torch::autograd::Function<ProjectedGram> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& feature,
                            const std::optional<at::Tensor>& weight, const at::Tensor& projection) {
    TORCH_CHECK(!projection.requires_grad() && !(weight && weight->requires_grad()),
                "nst::projected_gram: there are gradients of the feature only");
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({feature, weight.value_or(at::Tensor()), projection});
    return call_projected_gram(feature, weight, projection);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto given = saved[1].defined() ? std::optional<at::Tensor>(saved[1]) : std::nullopt;
    return {call_projected_gram_backward(gradients[0], saved[0], given, saved[2]), at::Tensor(), at::Tensor()};
  }
};

at::Tensor projected_gram_autograd(const at::Tensor& feature, const std::optional<at::Tensor>& weight,
                                   const at::Tensor& projection) {
  return ProjectedGram::apply(feature, weight, projection);
}

at::Tensor projected_gram_meta(const at::Tensor& feature, const std::optional<at::Tensor>& /*weight*/,
                               const at::Tensor& projection) {
  TORCH_CHECK(feature.dim() == 4, "nst::projected_gram: feature must have the shape (B, N, H, W), not ",
              feature.sym_sizes());
  const auto outputs = projection.sym_size(0);
  return at::empty_symint({feature.sym_size(0), outputs, outputs},
                          feature.options().dtype(accumulation_dtype(feature)));
}

at::Tensor projected_gram_backward_meta(const at::Tensor& /*gradient*/, const at::Tensor& feature,
                                        const std::optional<at::Tensor>& /*weight*/, const at::Tensor& /*projection*/) {
  return at::empty_like(feature);
}

}  // namespace

void register_projected_gram(Libraries& libraries) {
  libraries.schemas.def("projected_gram(Tensor feature, Tensor? weight, Tensor projection) -> Tensor");
  libraries.schemas.def(
      "projected_gram_backward(Tensor gradient, Tensor feature, Tensor? weight, Tensor projection) -> Tensor");
  libraries.cpu.impl("projected_gram", &projected_gram);
  libraries.cpu.impl("projected_gram_backward", &projected_gram_backward);
  libraries.meta.impl("projected_gram", &projected_gram_meta);
  libraries.meta.impl("projected_gram_backward", &projected_gram_backward_meta);
  libraries.autograd.impl("projected_gram", &projected_gram_autograd);
}

}  // namespace nst::detail
