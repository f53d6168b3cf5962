#include "nst/lbfgs.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "nst/errors.h"
#include "ops/rows.h"

namespace nst {
namespace {

// Mean change of a pixel in the first step, which knows nothing of the curvature yet.
constexpr double kFirstStep = 0.01;
// A step that makes the loss this many times higher is taken back. From the second in a row on, the next one is so much
// shorter.
constexpr double kWildRise = 4.0;
constexpr double kShorter = 0.1;
// Pairs with less curvature than this, relative to the lengths, are not remembered.
constexpr double kLeastCurvature = 1e-8;

double inner_product(const at::Tensor& a, const at::Tensor& b) { return at::dot(a, b).item<double>(); }

}  // namespace

Lbfgs::Lbfgs(const LbfgsOptions& options) : options_(options) {
  if (options.history < 1) throw OptionError(c10::str("history must be at least 1, not ", options.history));
  if (!(options.learning_rate > 0))
    throw OptionError(c10::str("learning_rate must be positive, not ", options.learning_rate));
  if (!(options.tolerance >= 0)) throw OptionError(c10::str("tolerance must not be negative, not ", options.tolerance));
}

void Lbfgs::start(const at::Tensor& variable, double damping) {
  damping_ = damping;
  shape_ = variable.sizes().vec();
  point_ = base_ = variable.detach().flatten();
  const auto rows = 2 * options_.history + 1;
  rows_ = at::zeros({rows, point_.numel()}, point_.options());
  products_.assign(rows * rows, 0.0);
  pairs_ = 0;
  direction_.reset();
  base_loss_ = first_size_ = 0.0;
  wild_steps_ = 0;
}

std::optional<at::Tensor> Lbfgs::step(double loss, const at::Tensor& gradient) {
  const auto flat = gradient.detach().flatten();
  const auto size = at::norm(flat, 1).item<double>() / static_cast<double>(flat.numel());
  if (first_size_ == 0) first_size_ = size;
  if (size <= options_.tolerance * first_size_) return {};
  if (!direction_.defined()) return descend(loss, flat, size);
  if (base_loss_ > 0 && loss > kWildRise * base_loss_) return turn_back(flat);
  wild_steps_ = 0;
  auto changed = remember(flat);
  const auto last = rows_.size(0) - 1;
  rows_.select(0, last).copy_(flat);
  changed.push_back(last);
  refresh_products(changed);
  return proceed(loss, flat, size);
}

// Go back to where the last step began, with what its end says about the curvature.
at::Tensor Lbfgs::turn_back(const at::Tensor& gradient) {
  refresh_products(remember(gradient));
  ++wild_steps_;
  point_ = base_;
  const auto before = rows_.select(0, rows_.size(0) - 1).clone();
  return proceed(base_loss_, before, at::norm(before, 1).item<double>() / static_cast<double>(before.numel()));
}

at::Tensor Lbfgs::proceed(double loss, const at::Tensor& gradient, double size) {
  if (pairs_ == 0) return descend(loss, gradient, size);
  direction_ = direction_from_memory();
  if (inner_product(direction_, gradient) >= 0) {  // the memory misleads: forget it
    pairs_ = 0;
    return descend(loss, gradient, size);
  }
  return set_out(loss);
}

// Begin along the gradient, with a short step.
at::Tensor Lbfgs::descend(double loss, const at::Tensor& gradient, double size) {
  const auto last = rows_.size(0) - 1;
  rows_.select(0, last).copy_(gradient);
  refresh_products({last});
  direction_ = gradient * (-kFirstStep / size);
  return set_out(loss);
}

at::Tensor Lbfgs::set_out(double loss) {
  base_ = point_;
  base_loss_ = loss;
  const auto length = damping_ * options_.learning_rate * std::pow(kShorter, std::max(wild_steps_ - 1, 0));
  point_ = at::add(base_, direction_, length);
  return point_.view(shape_);
}

// Store the last step and the change of gradient; return their rows, none if the curvature is not positive.
std::vector<int64_t> Lbfgs::remember(const at::Tensor& gradient) {
  const auto step = point_ - base_, change = gradient - rows_.select(0, rows_.size(0) - 1);
  if (inner_product(step, change) <= kLeastCurvature * (step.norm() * change.norm()).item<double>()) return {};
  const auto slot = pairs_++ % options_.history;
  rows_.select(0, slot).copy_(step);
  rows_.select(0, options_.history + slot).copy_(change);
  return {slot, options_.history + slot};
}

void Lbfgs::refresh_products(const std::vector<int64_t>& changed) {
  if (changed.empty()) return;
  const auto found = detail::row_products(rows_, changed);
  const auto* values = found.const_data_ptr<double>();
  const auto rows = rows_.size(0), count = static_cast<int64_t>(changed.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < count; ++j)
      products_[i * rows + changed[j]] = products_[changed[j] * rows + i] = values[i * count + j];
}

// The two-loop recursion on inner products gives the direction in terms of the rows.
at::Tensor Lbfgs::direction_from_memory() const {
  const auto m = options_.history, rows = rows_.size(0), kept = std::min(pairs_, m);
  const auto product = [&](int64_t i, int64_t j) { return products_[i * rows + j]; };
  std::vector<double> coefficients(rows, 0.0), alphas(m, 0.0);
  coefficients[rows - 1] = -1.0;
  const auto along = [&](int64_t row) {
    double sum = 0;
    for (int64_t j = 0; j < rows; ++j) sum += product(row, j) * coefficients[j];
    return sum;
  };
  std::vector<int64_t> slots;  // newest first
  for (int64_t age = 0; age < kept; ++age) slots.push_back((pairs_ - 1 - age) % m);
  for (const auto s : slots) {
    alphas[s] = along(s) / product(s, m + s);
    coefficients[m + s] -= alphas[s];
  }
  const auto newest = slots.front();
  const auto factor = product(newest, m + newest) / product(m + newest, m + newest);
  for (auto& coefficient : coefficients) coefficient *= factor;
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot)
    coefficients[*slot] += alphas[*slot] - along(m + *slot) / product(*slot, m + *slot);
  return detail::combine_rows(rows_, at::tensor(coefficients, at::kDouble));
}

}  // namespace nst
