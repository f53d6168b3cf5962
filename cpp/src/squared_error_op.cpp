// nst::squared_error as an operator of torch: dispatch, shapes without data, gradient.
#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "nst/squared_error.h"

namespace nst {
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

at::Tensor autograd(const at::Tensor& feature, const at::Tensor& target) { return SquaredError::apply(feature, target); }

at::Tensor meta(const at::Tensor& feature, const at::Tensor& /*target*/) {
  const auto type = feature.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return at::empty({}, feature.options().dtype(type));
}

at::Tensor backward_meta(const at::Tensor& /*gradient*/, const at::Tensor& feature, const at::Tensor& /*target*/) {
  return at::empty_like(feature);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(nst, library) {
  library.def("squared_error(Tensor feature, Tensor target) -> Tensor");
  library.def("squared_error_backward(Tensor gradient, Tensor feature, Tensor target) -> Tensor");
}

TORCH_LIBRARY_IMPL(nst, CPU, library) {
  library.impl("squared_error", &squared_error);
  library.impl("squared_error_backward", &squared_error_backward);
}

TORCH_LIBRARY_IMPL(nst, Meta, library) {
  library.impl("squared_error", &meta);
  library.impl("squared_error_backward", &backward_meta);
}

TORCH_LIBRARY_IMPL(nst, Autograd, library) { library.impl("squared_error", &autograd); }

}  // namespace nst
