// What improves a variable from values and gradients, one evaluation at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "nst/visibility.h"

namespace nst {

/// The stylizer evaluates the objective, the optimizer says where next. Loss and gradient are scaled by one constant
/// such that the first gradient has mean absolute value one.
class NST_API Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Forget everything and begin at `variable`, which is the next point to be evaluated.
  ///
  /// variable: any shape, float32. damping: factor on the step length, at most 1.
  virtual void start(const at::Tensor& variable, double damping = 1.0) = 0;

  /// Take the value and gradient at the current point; return the next point to evaluate, or nothing to stop.
  virtual std::optional<at::Tensor> step(double loss, const at::Tensor& gradient) = 0;
};

}  // namespace nst
