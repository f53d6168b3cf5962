#include "core/workspace.h"

#include <ATen/Functions.h>

#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/scratch.h"

namespace nst::detail {
namespace {

constexpr int64_t kEvaluations = 64;
// Where pieces begin: whole lines of the cache, and more than the widest vector.
constexpr size_t kAligned = 256;

size_t aligned(size_t bytes) { return (std::max<size_t>(bytes, 1) + kAligned - 1) / kAligned * kAligned; }

// Let the system have the pages from `first` to `end` of a block back; they are cleared when they are used again.
void give_back_pages([[maybe_unused]] char* memory, [[maybe_unused]] size_t first, [[maybe_unused]] size_t end) {
#if defined(__linux__)
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto from = (reinterpret_cast<uintptr_t>(memory + first) + page - 1) / page * page;
  const auto to = reinterpret_cast<uintptr_t>(memory + end) / page * page;
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
#endif
}

}  // namespace

struct Workspace::Piece {
  Workspace* owner;
  std::shared_ptr<Block> block;
  size_t begin;

  static void free(void* piece) {
    const std::unique_ptr<Piece> held(static_cast<Piece*>(piece));
    const std::lock_guard<std::mutex> lock(held->owner->mutex_);
    held->block->taken.erase(held->begin);
  }
};

Workspace& Workspace::shared() {
  static auto* const pool = [] {
#if !defined(_WIN32)
    // A process that is forked must not find the lock held.
    pthread_atfork([] { shared().mutex_.lock(); }, [] { shared().mutex_.unlock(); }, [] { shared().mutex_.unlock(); });
#endif
    return new Workspace();  // never destroyed: maps may outlive what is static
  }();
  return *pool;
}

std::shared_ptr<Workspace::Block> Workspace::add_block(size_t bytes) {
  auto block = std::make_shared<Block>();
  // Maps of tiles come and go with every tile: they have no business in files.
  block->memory = memory_allocator()->allocate(bytes);
  block->bytes = bytes;
  blocks_.push_back(block);
  return block;
}

// The smallest gap that is large enough, else the place behind all pieces; {0, false} where there is no room.
std::pair<size_t, bool> Workspace::Block::place(size_t needed) const {
  size_t begin = 0, best = 0, size = SIZE_MAX;
  const auto consider = [&](size_t end) {
    if (end >= begin + needed && end - begin < size) best = begin, size = end - begin;
  };
  for (const auto& [first, end] : taken) {
    consider(first);
    begin = end;
  }
  consider(std::max(begin, touched));
  if (size != SIZE_MAX) return {best, true};
  return {begin, begin + needed <= bytes};
}

std::unique_ptr<Workspace::Piece> Workspace::take(size_t needed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto piece = std::make_unique<Piece>(Piece{this, {}, 0});
  auto& [owner, block, begin] = *piece;
  for (const auto& one : blocks_) {
    const auto [place, fits] = one->place(needed);
    if (!fits) continue;
    block = one;
    begin = place;
    break;
  }
  if (!block) block = add_block(needed);
  block->taken.emplace(begin, begin + needed);
  block->used = std::max(block->used, begin + needed);
  block->touched = std::max(block->touched, begin + needed);
  return piece;
}

c10::Storage Workspace::room(size_t bytes) {
  auto piece = take(aligned(bytes));
  auto* const data = static_cast<char*>(piece->block->memory.get()) + piece->begin;
  c10::DataPtr pointer(data, piece.release(), &Piece::free, at::kCPU);
  return c10::Storage(c10::Storage::use_byte_size_t(), bytes, std::move(pointer), nullptr, false);
}

bool Workspace::is_plain(const c10::Storage& storage) {
  const auto deleter = storage.data_ptr().get_deleter();
  return deleter == &Piece::free || deleter == memory_allocator()->raw_deleter();
}

at::Tensor Workspace::map(at::IntArrayRef sizes, at::ScalarType type) {
  auto storage = room(c10::multiply_integers(sizes) * c10::elementSize(type));
  const int64_t channels = sizes[1], width = sizes[3], line = width * channels;
  return at::empty({0}, at::TensorOptions(type))
      .set_(std::move(storage), 0, sizes, {sizes[2] * line, 1, line, channels});
}

at::Tensor Workspace::scratch(int64_t count, at::ScalarType type) {
  auto storage = room(count * c10::elementSize(type));
  return at::empty({0}, at::TensorOptions(type)).set_(std::move(storage), 0, {count}, {1});
}

void Workspace::begin(size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (++evaluation_ % kEvaluations == 0) look();
  const size_t needed = aligned(bytes);
  if (std::any_of(blocks_.begin(), blocks_.end(), [needed](const auto& block) { return block->bytes >= needed; }))
    return;
  std::erase_if(blocks_, [](const auto& block) { return block->taken.empty(); });
  try {
    add_block(needed);
  } catch (const c10::Error&) {
    return;  // there may be room for the maps one by one, or for some of them at once
  }
  std::rotate(blocks_.begin(), blocks_.end() - 1, blocks_.end());  // the largest is looked at first
}

void Workspace::look() {
  std::erase_if(blocks_, [](const auto& block) { return block->taken.empty() && block->used == 0; });
  for (const auto& block : blocks_) {
    const size_t last = block->taken.empty() ? 0 : block->taken.rbegin()->second;
    const size_t keep = std::max(block->used, last);
    if (keep < block->touched) give_back_pages(static_cast<char*>(block->memory.get()), keep, block->touched);
    block->touched = keep;
    block->used = last;
  }
}

void Workspace::release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(blocks_, [](const auto& block) { return block->taken.empty(); });
  for (const auto& block : blocks_) {
    size_t begin = 0;
    for (const auto& [first, end] : block->taken) {
      give_back_pages(static_cast<char*>(block->memory.get()), begin, first);
      begin = end;
    }
    give_back_pages(static_cast<char*>(block->memory.get()), begin, std::max(begin, block->touched));
    block->touched = begin;
  }
}

}  // namespace nst::detail
