#include "nst/stylizer.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "library/image_check.h"
#include "library/progress.h"
#include "nst/errors.h"
#include "nst/lbfgs.h"

namespace nst {
namespace {

// After a non-finite value the loop goes back and takes shorter steps, this often and by this factor.
constexpr int kMostRollbacks = 4;
constexpr double kDamping = 0.1;
// Pull on pixels outside [0, 1], in units of the scaled gradient per unit of distance: at first, its share after every
// evaluation, and at least.
constexpr double kFirstForce = 0.5;
constexpr double kForceDecay = 0.97;
constexpr double kLeastForce = 0.15;

struct Best {
  double total;
  at::Tensor losses, variable;
};

std::vector<double> numbers(const at::Tensor& losses) {
  const auto values = losses.to(at::kCPU, at::kDouble).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

// Make the first gradient one in the mean, so that optimizers need not know the magnitude of α and β.
double scale_of(const at::Tensor& gradient) {
  const auto size = gradient.abs().mean(at::kDouble).item<double>();
  return size > 0 ? 1.0 / size : 1.0;
}

// The variable inside [0, 1]. The gradient passes the clamp unchanged; scaled_gradient() pulls back what is outside.
at::Tensor image_of(const at::Tensor& variable) { return variable.detach().clamp(0.0, 1.0); }

// What the optimizer sees. Outside [0, 1] the restoring force is added: the sum is zero where, and only where, the
// image is stationary among the images in [0, 1] (the normal map, Robinson, Mathematics of Operations Research 17,
// 1992).
at::Tensor scaled_gradient(const at::Tensor& gradient, double scale, const at::Tensor& variable,
                           const at::Tensor& image, int64_t evaluations) {
  const auto force = std::max(kLeastForce, kFirstForce * std::pow(kForceDecay, evaluations));
  return (gradient * scale).add_(variable - image, force);
}

}  // namespace

const char* to_string(Stopped stopped) {
  switch (stopped) {
    case Stopped::finished:
      return "finished";
    case Stopped::converged:
      return "converged";
    case Stopped::cancelled:
      return "cancelled";
  }
  return "";
}

struct Stylizer::Evaluation {
  double total;
  at::Tensor losses, gradient, image;
  bool finite() const { return std::isfinite(total) && at::isfinite(gradient).all().item<bool>(); }
};

Stylizer::Stylizer(const Extractor& extractor, const at::Tensor& content, const at::Tensor& style,
                   const StylizerOptions& options)
    : objective_(extractor, content, style, options.losses), options_(options), content_(content) {
  if (options.steps < 1) throw OptionError(c10::str("steps must be at least 1, not ", options.steps));
  if (!options_.optimizer) options_.optimizer = std::make_shared<Lbfgs>();
}

Stylizer::Evaluation Stylizer::evaluate(const at::Tensor& variable) const {
  const at::AutoGradMode with_graph(true);
  const auto image = image_of(variable).requires_grad_();
  const auto value = objective_(image);
  const auto gradient = torch::autograd::grad({value.total}, {image})[0];
  return {value.total.item<double>(), value.losses, gradient, image.detach()};
}

Result Stylizer::run(const at::Tensor& initial, const Observer& observer) const {
  detail::check_image("initial image", initial);
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  auto& optimizer = *options_.optimizer;
  auto variable = initial.detach().to(at::kFloat).clone();
  std::optional<Best> best;
  std::vector<double> history;
  double scale = 0.0, damping = 1.0;
  int rollbacks = 0;
  detail::Progress progress;
  std::string note;  // on what was done after the last evaluation
  auto stopped = Stopped::finished;
  // However this run ends, a wish to cancel it is not one to cancel the next.
  const struct Reset {
    std::atomic<bool>& flag;
    ~Reset() { flag = false; }
  } reset{cancelled_};
  const at::NoGradGuard no_graph;
  optimizer.start(variable);
  while (true) {
    const auto now = evaluate(variable);
    const bool finite = now.finite();
    if (finite && (!best || now.total < best->total)) best = Best{now.total, now.losses, variable};
    history.push_back(now.total);
    if (!finite) give_up_if_hopeless(best.has_value(), ++rollbacks, now.losses);
    if (!finite && rollbacks == 1)
      note = "the objective is not finite; returning to the best image, with shorter steps";
    progress.observe(best->total);
    const auto number = static_cast<int64_t>(history.size());
    if (observer) {
      const Step step{number, options_.steps, now.total, best->total, numbers(now.losses), seconds(), now.image, note};
      if (!observer(step)) cancel();
    }
    note.clear();
    if (cancelled_) {
      stopped = Stopped::cancelled;
      break;
    }
    if (number == options_.steps) break;
    const auto start_again = [&](double shorter) {
      variable = best->variable;
      optimizer.start(variable, damping * shorter);
    };
    if (!finite) {
      damping *= kDamping;
      start_again(1.0);
      continue;
    }
    if (progress.stalled()) {
      const auto shorter = progress.restart();
      if (!shorter) {
        stopped = Stopped::converged;
        break;
      }
      note = c10::str("no progress in ", detail::Progress::kPatience, " evaluations; restarting at the best image");
      start_again(*shorter);
      continue;
    }
    if (scale == 0) scale = scale_of(now.gradient);
    const auto next =
        optimizer.step(now.total * scale, scaled_gradient(now.gradient, scale, variable, now.image, number));
    if (!next) {
      stopped = Stopped::converged;
      break;
    }
    variable = *next;
  }
  return {image_of(best->variable), best->total, numbers(best->losses), history, seconds(), stopped};
}

void Stylizer::give_up_if_hopeless(bool has_best, int rollbacks, const at::Tensor& losses) const {
  if (has_best && rollbacks <= kMostRollbacks) return;
  const auto values = numbers(losses);
  std::string broken;
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      broken += (broken.empty() ? "" : ", ") + labels()[i].loss + " at " + labels()[i].layer;
  throw NonFiniteError("the objective is not finite " +
                       (has_best ? c10::str("again after ", kMostRollbacks, " restarts with shorter steps")
                                 : std::string("at the first image")) +
                       (broken.empty() ? "" : " (" + broken + ")") +
                       "; lower the weights, use an export with --dtype fp32, or another optimizer");
}

}  // namespace nst
