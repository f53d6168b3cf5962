#include "core/parallel.h"

#include <ATen/Parallel.h>

#if !defined(_WIN32)
#include <pthread.h>
#include <signal.h>
#endif

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace nst::detail {
namespace {

// A thread that has nothing to do looks for work this long before it sleeps. Waking one takes about as long; between
// the layers of a network less than this passes.
constexpr auto kPatience = std::chrono::microseconds(60);
// Looks at the clock after so many looks for work.
constexpr int kLooks = 32;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Wait until `ready` is true: for a while in a loop, then asleep until `value` is no longer what it was.
template <typename Ready>
void wait_until(std::atomic<uint32_t>& value, const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int look = 0; look < kLooks; ++look) {
      if (ready()) return;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  for (auto seen = value.load(); !ready(); seen = value.load()) value.wait(seen);
}

thread_local bool working = false;  // whether this thread is inside of a task

// One call of parallel_tasks. It lies on the stack of the thread that called.
struct Region {
  int64_t count;
  void (*task)(const void*, int64_t);
  const void* context;
  int64_t helpers;  // that may still join; the pool's mutex guards it
  std::atomic<int64_t> next = 0;
  std::atomic<uint32_t> inside = 0;  // helpers that have joined and not left
  std::mutex mutex = {};
  std::exception_ptr error = {};

  void work() {
    working = true;
    try {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(context, i);
    } catch (...) {
      next = count;
      const std::lock_guard<std::mutex> lock(mutex);
      if (!error) error = std::current_exception();
    }
    working = false;
  }
};

class Pool {
 public:
  void run(Region& region) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      start(region.helpers);
      open_.push_back(&region);
      calls_.fetch_add(1);
    }
    // Helpers that look for work in a loop find it by themselves.
    if (const int64_t asleep = asleep_.load(); asleep > region.helpers) {
      for (int64_t i = 0; i < region.helpers; ++i) calls_.notify_one();
    } else if (asleep > 0) {
      calls_.notify_all();
    }
    region.work();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      std::erase(open_, &region);
    }
    wait_until(region.inside, [&] { return region.inside.load(std::memory_order_acquire) == 0; });
    const std::lock_guard<std::mutex> lock(mutex_);  // the last one has left, and does not look at the region any more
  }

 private:
  // Have so many helpers, or as many as the system allows.
  void start(int64_t wanted) {
    if (started_ >= wanted) return;
#if !defined(_WIN32)
    sigset_t every, before;  // signals are for the program's own threads
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
#endif
    try {
      for (; started_ < wanted; ++started_) std::thread([this] { help(); }).detach();
    } catch (const std::system_error&) {  // the others do the work
    }
#if !defined(_WIN32)
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  }

  void help() {
    for (uint32_t seen = 0;;) {
      if (auto* const region = join(seen)) {
        region->work();
        leave(*region);
      } else {
        wait(seen);
      }
    }
  }

  // Join a call that still takes helpers; `seen` is the number of calls that there were.
  Region* join(uint32_t& seen) {
    const std::lock_guard<std::mutex> lock(mutex_);
    seen = calls_.load();
    for (auto* const region : open_) {
      if (region->helpers == 0 || region->next.load(std::memory_order_relaxed) >= region->count) continue;
      --region->helpers;
      region->inside.fetch_add(1, std::memory_order_relaxed);
      return region;
    }
    return nullptr;
  }

  void leave(Region& region) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (region.inside.fetch_sub(1, std::memory_order_release) == 1) region.inside.notify_one();
  }

  void wait(uint32_t seen) {
    asleep_.fetch_add(1);
    wait_until(calls_, [&] { return calls_.load(std::memory_order_acquire) != seen; });
    asleep_.fetch_sub(1);
  }

  std::mutex mutex_;
  std::vector<Region*> open_;
  int64_t started_ = 0;  // helpers
  std::atomic<uint32_t> calls_ = 0;
  std::atomic<int64_t> asleep_ = 0;  // or about to be
};

std::atomic<Pool*> pool = nullptr;

// Never destroyed: its threads run until the process ends. A process that was forked has none of them, and begins anew.
Pool& shared_pool() {
  static const bool once = [] {
    pool = new Pool();
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, [] { pool = new Pool(); });
#endif
    return true;
  }();
  (void)once;
  return *pool;
}

}  // namespace

void parallel_tasks(int64_t count, void (*task)(const void*, int64_t), const void* context) {
  if (count <= 0) return;
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), count);
  if (threads == 1 || working || at::in_parallel_region()) {
    for (int64_t i = 0; i < count; ++i) task(context, i);
    return;
  }
  Region region{count, task, context, threads - 1};
  shared_pool().run(region);
  if (region.error) std::rethrow_exception(region.error);
}

}  // namespace nst::detail
