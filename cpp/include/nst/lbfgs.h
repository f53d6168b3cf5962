// Limited-memory BFGS with a fixed step length.
#pragma once

#include <vector>

#include "nst/optimizer.h"
#include "nst/visibility.h"

namespace nst {

struct LbfgsOptions {
  int64_t history = 20;        ///< pairs of step and change of gradient that are remembered, at least 1
  double learning_rate = 1.0;  ///< factor on the step length
  double tolerance = 0.0;  ///< stop when the mean absolute gradient falls below this share of the first; 0 never stops
};

/// L-BFGS as the Python plugin `lbfgs` with `line_search=none`, the default there.
///
/// Source: Liu and Nocedal, Mathematical Programming 45, 1989; the two-loop recursion runs on inner products (Chen,
/// Wang and Zhou, Large-scale L-BFGS using MapReduce, 2014).
class NST_API Lbfgs : public Optimizer {
 public:
  /// Throws OptionError: a value out of range.
  explicit Lbfgs(const LbfgsOptions& options = {});

  void start(const at::Tensor& variable, double damping = 1.0) override;
  std::optional<at::Tensor> step(double loss, const at::Tensor& gradient) override;

 private:
  at::Tensor descend(double loss, const at::Tensor& gradient, double size);
  at::Tensor set_out(double loss);
  at::Tensor turn_back(const at::Tensor& gradient);
  at::Tensor proceed(double loss, const at::Tensor& gradient, double size);
  std::vector<int64_t> remember(const at::Tensor& gradient);
  void refresh_products(const std::vector<int64_t>& changed);
  at::Tensor direction_from_memory() const;

  const LbfgsOptions options_;
  double damping_ = 1.0, base_loss_ = 0.0, first_size_ = 0.0;
  std::vector<int64_t> shape_;
  at::Tensor point_, base_, direction_;
  at::Tensor rows_;               // 0 to m-1: steps, m to 2m-1: changes of gradient, 2m: the gradient
  std::vector<double> products_;  // inner products of the rows
  int64_t pairs_ = 0;
  int wild_steps_ = 0;  // in a row
};

}  // namespace nst
