// Paints one image in the manner of another: the loop.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nst/objective.h"
#include "nst/optimizer.h"
#include "nst/visibility.h"

namespace nst {

struct StylizerOptions {
  LossOptions losses;
  int64_t steps = 300;                   ///< evaluations of the objective, at least 1
  std::shared_ptr<Optimizer> optimizer;  ///< null: Lbfgs with its defaults
};

/// One evaluation, as observers see it.
struct Step {
  int64_t number;              ///< from 1 on
  int64_t steps;               ///< how many there will be at most
  double total;                ///< the objective
  double best;                 ///< the lowest so far
  std::vector<double> losses;  ///< unweighted, in the order of Stylizer::labels()
  double seconds;              ///< since the start of the run
  at::Tensor image;            ///< (1, 3, H, W) in [0, 1]; do not change it
  std::string note;            ///< what the user should know, mostly empty
};

/// Is shown every step; returning false cancels the run.
using Observer = std::function<bool(const Step&)>;

/// Why a run ended; the words are those of Python.
enum class Stopped {
  finished,   ///< all steps were made
  converged,  ///< the optimizer found nothing left to improve
  cancelled,  ///< the observer returned false, or cancel() was called; the result is the best image so far
};

/// "finished", "converged" or "cancelled".
NST_API const char* to_string(Stopped stopped);

struct Result {
  at::Tensor image;             ///< the best, (1, 3, H, W), float32 in [0, 1]
  double total;                 ///< its objective
  std::vector<double> losses;   ///< its losses, unweighted, in the order of Stylizer::labels()
  std::vector<double> history;  ///< the objective at every evaluation
  double seconds;
  Stopped stopped;
};

/// Minimises the objective over the pixels of an image, as the engine in Python does: the same numbers for the same
/// images and options.
///
/// The image is the variable clamped to [0, 1]; what lies outside is pulled back. After a value that is not finite the
/// loop returns to the best image with shorter steps, at most four times. It also restarts there when there was no
/// progress for 25 evaluations, and ends as converged when three restarts in a row did not help.
///
/// One run at a time: the optimizer has a memory. It is neither copied nor moved, since cancel() may come from
/// anywhere.
class NST_API Stylizer {
 public:
  /// content, style: (1, 3, H, W), RGB in [0, 1], float32.
  ///
  /// Throws OptionError, ImageError: see Objective.
  Stylizer(const Extractor& extractor, const at::Tensor& content, const at::Tensor& style,
           const StylizerOptions& options = {});

  Stylizer(const Stylizer&) = delete;
  Stylizer& operator=(const Stylizer&) = delete;

  /// What the numbers in Step::losses belong to.
  const std::vector<LossLabel>& labels() const { return objective_.labels(); }

  /// Start from `initial`, (1, 3, H, W) in [0, 1], in the size of the content image.
  ///
  /// Throws NonFiniteError: the objective is NaN or infinite, whatever is tried. ImageError: `initial` does not fit.
  Result run(const at::Tensor& initial, const Observer& observer = {}) const;

  /// Start from the content image.
  Result run(const Observer& observer = {}) const { return run(content_, observer); }

  /// End the run after the evaluation that it is at, as Stopped::cancelled with the best image so far. Without a run,
  /// the next one ends after its first evaluation.
  ///
  /// May be called from any thread, and from a signal handler.
  void cancel() const noexcept { cancelled_ = true; }

 private:
  struct Evaluation;
  Evaluation evaluate(const at::Tensor& variable) const;
  void give_up_if_hopeless(bool has_best, int rollbacks, const at::Tensor& losses) const;

  Objective objective_;
  StylizerOptions options_;
  at::Tensor content_;
  mutable std::atomic<bool> cancelled_ = false;
  static_assert(std::atomic<bool>::is_always_lock_free);  // what a signal handler may touch
};

}  // namespace nst
