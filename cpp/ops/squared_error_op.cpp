// nst::squared_error as an operator of torch: dispatch, shapes without data, gradient.
#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/accumulation_dtype.h"
#include "ops/registration.h"
#include "ops/squared_error.h"

namespace nst::detail {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor call(const at::Tensor& feature, const at::Tensor& target) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("nst::squared_error", "")
                             .typed<at::Tensor(const at::Tensor&, const at::Tensor&)>();
  return op.call(feature, target);
}

at::Tensor call_backward(const at::Tensor& gradient, const at::Tensor& feature, const at::Tensor& target) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("nst::squared_error_backward", "")
                             .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>();
  return op.call(gradient, feature, target);
}

class SquaredError : public torch::autograd::Function<SquaredError> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& feature, const at::Tensor& target) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({feature, target});
    return call(feature, target);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    variable_list result(2);
    if (!context->needs_input_grad(0) && !context->needs_input_grad(1)) return result;
    const auto gradient = call_backward(gradients[0], saved[0], saved[1]);
    if (context->needs_input_grad(0)) result[0] = gradient;
    if (context->needs_input_grad(1)) result[1] = gradient.neg();
    return result;
  }
};

at::Tensor autograd(const at::Tensor& feature, const at::Tensor& target) {
  return SquaredError::apply(feature, target);
}

at::Tensor meta(const at::Tensor& feature, const at::Tensor& /*target*/) {
  return at::empty({}, feature.options().dtype(accumulation_dtype(feature)));
}

at::Tensor backward_meta(const at::Tensor& /*gradient*/, const at::Tensor& feature, const at::Tensor& /*target*/) {
  return at::empty_like(feature);
}

}  // namespace

void register_squared_error(Libraries& libraries) {
  libraries.schemas.def("squared_error(Tensor feature, Tensor target) -> Tensor");
  libraries.schemas.def("squared_error_backward(Tensor gradient, Tensor feature, Tensor target) -> Tensor");
  libraries.cpu.impl("squared_error", &squared_error);
  libraries.cpu.impl("squared_error_backward", &squared_error_backward);
  libraries.meta.impl("squared_error", &meta);
  libraries.meta.impl("squared_error_backward", &backward_meta);
  libraries.autograd.impl("squared_error", &autograd);
}

}  // namespace nst::detail
