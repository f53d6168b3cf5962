// Work for several threads, shared out while it is done.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nst::detail {

/// Call task(context, i) for each i below `count`, on as many threads as torch computes with. Each thread takes the
/// next number when it has finished one, so a thread that is held up leaves more work to the others. The calling thread
/// works too, and waits for the others at the end. Inside of a task, and inside of torch's parallel regions, it works
/// alone.
///
/// The threads are our own and not OpenMP's: between two calls they wait in a loop for some microseconds and then
/// sleep, so they leave the cores to other programs. The first exception of a task is thrown again here.
void parallel_tasks(int64_t count, void (*task)(const void* context, int64_t i), const void* context);

/// Call run(first, end) for chunks of at most `grain` that together make up 0 … count, as `parallel_tasks` does.
template <typename Run>
void parallel_dynamic(int64_t count, int64_t grain, const Run& run) {
  struct Chunks {
    const Run& run;
    int64_t count, grain;
  };
  const Chunks chunks{run, count, grain};
  const auto task = [](const void* context, int64_t i) {
    const auto& [run, count, grain] = *static_cast<const Chunks*>(context);
    run(i * grain, std::min(count, (i + 1) * grain));
  };
  parallel_tasks((count + grain - 1) / grain, task, &chunks);
}

}  // namespace nst::detail
