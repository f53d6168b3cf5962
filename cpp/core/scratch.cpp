#include "core/scratch.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>

#if defined(__linux__)
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace nst::detail {
namespace {

// Time between two looks at what is resident. The memory that a thread can touch meanwhile is a few hundred megabytes.
constexpr auto kInterval = std::chrono::milliseconds(20);

// After so many looks, what is resident of other files is counted anew.
constexpr int64_t kLooksForFiles = 250;

thread_local std::shared_ptr<Scratch> current;

struct Block {
  char* data;
  size_t bytes;
  std::shared_ptr<Scratch> owner;
};

#if defined(__linux__)

/// Pages of files that are resident in this process, in bytes: of our blocks, and of programs and libraries.
size_t resident_of_files() {
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[128] = {};
  const auto length = read(file, text, sizeof(text) - 1);
  close(file);
  size_t all = 0, resident = 0, shared = 0;
  if (length <= 0 || std::sscanf(text, "%zu %zu %zu", &all, &resident, &shared) != 3) return 0;
  return shared * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// All blocks in files, of all folders, and the thread that keeps what is resident of them small.
class Blocks {
 public:
  static Blocks& all() {
    static auto* const blocks = [] {
      // A process that is forked has no thread that watches, and must not find the lock held.
      pthread_atfork([] { all().mutex_.lock(); }, [] { all().mutex_.unlock(); },
                     [] {
                       all().watched_ = false;
                       all().mutex_.unlock();
                     });
      return new Blocks();  // never destroyed: tensors may outlive what is static
    }();
    return *blocks;
  }

  void add(char* data, size_t bytes, std::shared_ptr<Scratch> owner) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!watched_) watch();
    if (order_.empty()) others_ = resident_of_files();
    order_.push_back({data, bytes, std::move(owner)});
    places_[data] = std::prev(order_.end());
    changed_.notify_one();
  }

  /// Give a block back; false if it is none of ours.
  bool remove(void* data) {
    Block block;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = places_.find(data);
      if (found == places_.end()) return false;
      block = std::move(*found->second);
      order_.erase(found->second);
      places_.erase(found);
    }
    munmap(block.data, block.bytes);  // with this the file goes, too
    block.owner->forget(block.bytes);
    return true;
  }

  bool has(const void* data) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return places_.count(data) > 0;
  }

  void limit(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    limit_ = bytes;
  }

 private:
  /// Start the thread; it takes no signals, which are Python's.
  void watch() {
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    try {
      std::thread([this] { run(); }).detach();
      watched_ = true;
    } catch (const std::exception&) {  // no more threads: the next block tries again
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return !order_.empty(); });
      trim();
      lock.unlock();
      std::this_thread::sleep_for(kInterval);
      lock.lock();
    }
  }

  /// Let go of pages, block by block, of those first that had their turn longest ago, down to half of the limit. The
  /// pages stay in the system's cache until it needs the room, and a dirty one is written to the file first.
  void trim() {
    const size_t now = resident_of_files();
    others_ = std::min(others_, now);
    const bool anew = counted_ && ++looks_ % kLooksForFiles == 0;
    if (!anew && now <= others_ + limit_) return;
    for (size_t left = order_.size(); left > 0; --left) {
      madvise(order_.front().data, order_.front().bytes, MADV_DONTNEED);
      order_.splice(order_.end(), order_, order_.begin());
      if (!anew && resident_of_files() <= others_ + limit_ / 2) return;
    }
    // The rest is of libraries and other files, or was touched meanwhile: hence it is counted anew from time to time.
    others_ = resident_of_files();
    counted_ = true;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Block> order_;
  std::unordered_map<const void*, std::list<Block>::iterator> places_;
  size_t limit_ = size_t{1} << 30;
  size_t others_ = 0;
  int64_t looks_ = 0;
  bool counted_ = false;  // whether others_ was counted while threads may have touched our blocks
  bool watched_ = false;
};

#endif

void release(void* data);

/// Torch's allocator, but for large blocks of threads that have a scratch folder.
class FileAllocator final : public c10::Allocator {
 public:
  explicit FileAllocator(c10::Allocator* base) : base_(base) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (!current || bytes < current->smallest()) return base_->allocate(bytes);
    auto* const data = current->map(bytes);
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

  c10::Allocator* base() const { return base_; }

 private:
  c10::Allocator* const base_;
};

std::atomic<FileAllocator*> installed = nullptr;

void release(void* data) {
#if defined(__linux__)
  if (!data || Blocks::all().remove(data)) return;
#endif
  installed.load()->base()->raw_deallocate(data);
}

// Put our allocator before torch's; it stays there, for threads that have no scratch folder it changes nothing.
void install() {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (installed && c10::GetCPUAllocator() == installed) return;
  TORCH_CHECK(!installed, kScratchError, "another library has exchanged torch's allocator");
  auto* const base = c10::GetCPUAllocator();
  TORCH_CHECK(base->raw_deleter(), kScratchError, "torch's allocator cannot be extended: another library exchanged it");
  installed = new FileAllocator(base);  // never destroyed: torch keeps it
  c10::SetCPUAllocator(installed);
  TORCH_CHECK(c10::GetCPUAllocator() == installed, kScratchError,
              "torch's allocator cannot be exchanged: another library did so before");
}

}  // namespace

c10::Allocator* memory_allocator() {
  auto* const ours = installed.load();
  return ours ? ours->base() : c10::GetCPUAllocator();
}

#if defined(__linux__)

Scratch::Scratch(std::string folder, size_t smallest)
    : folder_(std::move(folder)), smallest_(std::max<size_t>(smallest, 1)) {
  install();
}

int Scratch::open_file() const {
  int file = open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string name = folder_ + "/.nst-scratch-XXXXXX";  // a file system that has no files without names
  file = mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) unlink(name.c_str());
  return file;
}

void* Scratch::map(size_t bytes) {
  const int file = open_file();
  TORCH_CHECK(file >= 0, kScratchError, "no room for a file in '", folder_, "': ", std::strerror(errno));
  // With its room taken now, a full disk is an error here and not a signal when a page is written.
  int refused = 0;
  do refused = posix_fallocate(file, 0, static_cast<off_t>(bytes));
  while (refused == EINTR);  // Ctrl-C is somebody else's
  void* const data = refused ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int failed = refused ? refused : errno;
  close(file);
  TORCH_CHECK(!refused, kScratchError, "no room for ", bytes, " bytes in '", folder_, "': ", std::strerror(failed));
  TORCH_CHECK(data != MAP_FAILED, kScratchError, "no addresses for ", bytes, " bytes of '", folder_,
              "' (see ulimit -v)");
  const size_t now = bytes_ += bytes;
  for (size_t most = peak_; most < now && !peak_.compare_exchange_weak(most, now);) {
  }
  Blocks::all().add(static_cast<char*>(data), bytes, shared_from_this());
  return data;
}

void Scratch::limit_resident(size_t bytes) { Blocks::all().limit(bytes); }

bool is_in_file(const void* data) { return Blocks::all().has(data); }

#else

Scratch::Scratch(std::string folder, size_t smallest) : folder_(std::move(folder)), smallest_(smallest) {
  TORCH_CHECK(false, kScratchError, "only Linux has it");
}

int Scratch::open_file() const { return -1; }

void* Scratch::map(size_t) { return nullptr; }

void Scratch::limit_resident(size_t) {}

bool is_in_file(const void*) { return false; }

#endif

std::shared_ptr<Scratch> Scratch::exchange(std::shared_ptr<Scratch> next) {
  std::swap(current, next);
  return next;
}

}  // namespace nst::detail
