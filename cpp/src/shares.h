// How work is shared out.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

namespace nst {

/// Call run(first, end) for pieces of `grain` that make up 0 … count. Threads take the next piece when they are ready:
/// one that is held up leaves more to the others.
template <typename Run>
void in_shares(int64_t count, int64_t grain, const Run& run) {
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / grain);
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    for (int64_t first; (first = next.fetch_add(grain)) < count;) run(first, std::min(count, first + grain));
  });
}

}  // namespace nst
