// Work for several threads, shared out while it is done.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

namespace nst::detail {

/// Call run(first, end) for chunks of at most `grain` that together make up 0 … count. Each thread takes the next chunk
/// when it has finished one, so a thread that is held up leaves more work to the others.
template <typename Run>
void parallel_dynamic(int64_t count, int64_t grain, const Run& run) {
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / grain);
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    for (int64_t first; (first = next.fetch_add(grain)) < count;) run(first, std::min(count, first + grain));
  });
}

}  // namespace nst::detail
