// Adam, Kingma and Ba, arXiv:1412.6980.
#pragma once

#include "nst/optimizer.h"
#include "nst/visibility.h"

namespace nst {

struct AdamOptions {
  double learning_rate = 0.02;  ///< in units of the pixel range
  double beta1 = 0.9, beta2 = 0.999;
};

/// Adam as the Python plugin `adam` with its defaults.
class NST_API Adam : public Optimizer {
 public:
  /// Throws OptionError: a value out of range.
  explicit Adam(const AdamOptions& options = {});

  void start(const at::Tensor& variable, double damping = 1.0) override;
  std::optional<at::Tensor> step(double loss, const at::Tensor& gradient) override;

 private:
  const AdamOptions options_;
  double damping_ = 1.0;
  at::Tensor variable_, mean_, square_;
  int64_t steps_ = 0;
};

}  // namespace nst
