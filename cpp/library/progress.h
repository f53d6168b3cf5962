// Notices that a run no longer makes progress: nst_core/engine/progress.py in C++.
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <optional>

namespace nst::detail {

class Progress {
 public:
  // So many evaluations in a row that do not lower the best total by this share are a stall.
  static constexpr int kPatience = 25;
  static constexpr double kLeastGain = 1e-4;

  // Take note of the best total after an evaluation.
  void observe(double best) {
    if (best < mark_ - kLeastGain * std::abs(best)) {
      mark_ = best;
      idle_ = restarts_ = 0;
    } else {
      ++idle_;
    }
  }

  // Whether the run has not got anywhere for long.
  bool stalled() const { return idle_ >= kPatience; }

  // The factor on the steps of a restart, or nothing if all restarts were in vain.
  std::optional<double> restart() {
    if (restarts_ == kRestarts.size()) return {};
    idle_ = 0;
    return kRestarts[restarts_++];
  }

 private:
  static constexpr std::array kRestarts{1.0, 0.3, 0.1};
  double mark_ = std::numeric_limits<double>::infinity();
  int idle_ = 0;
  size_t restarts_ = 0;
};

}  // namespace nst::detail
