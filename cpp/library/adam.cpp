#include "nst/adam.h"

#include <ATen/Functions.h>

#include <cmath>

#include "nst/errors.h"

namespace nst {
namespace {

constexpr double kEpsilon = 1e-8;

void check_beta(const char* name, double beta) {
  if (!(beta >= 0 && beta < 1)) throw OptionError(c10::str(name, " must be at least 0 and below 1, not ", beta));
}

}  // namespace

Adam::Adam(const AdamOptions& options) : options_(options) {
  if (!(options.learning_rate > 0))
    throw OptionError(c10::str("learning_rate must be positive, not ", options.learning_rate));
  check_beta("beta1", options.beta1);
  check_beta("beta2", options.beta2);
}

void Adam::start(const at::Tensor& variable, double damping) {
  damping_ = damping;
  variable_ = variable.detach().clone();
  mean_ = at::zeros_like(variable_);
  square_ = at::zeros_like(variable_);
  steps_ = 0;
}

// Algorithm 1 of the paper, with its operations in the order of torch.optim.Adam.
std::optional<at::Tensor> Adam::step(double /*loss*/, const at::Tensor& gradient) {
  const auto count = static_cast<double>(++steps_);
  mean_.lerp_(gradient, 1 - options_.beta1);
  square_.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
  const double length = options_.learning_rate * damping_ / (1 - std::pow(options_.beta1, count));
  const auto denominator = square_.sqrt().div_(std::sqrt(1 - std::pow(options_.beta2, count))).add_(kEpsilon);
  variable_ = at::addcdiv(variable_, mean_, denominator, -length);
  return variable_;
}

}  // namespace nst
