#include "core/workspace.h"

#include <ATen/Functions.h>

#include "core/scratch.h"

namespace nst::detail {
namespace {

constexpr int64_t kEvaluations = 64;

bool is_free(const c10::Storage& storage) { return storage.use_count() == 1; }

// Maps of tiles come and go with every tile: they have no business in files.
c10::Storage fresh(size_t bytes) { return c10::Storage(c10::Storage::use_byte_size_t(), bytes, memory_allocator()); }

}  // namespace

Workspace& Workspace::shared() {
  static auto* const pool = new Workspace();  // never destroyed: maps may outlive what is static
  return *pool;
}

at::Tensor Workspace::map(at::IntArrayRef sizes, at::ScalarType type) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t needed = c10::multiply_integers(sizes) * c10::elementSize(type);
  const auto fits = [&](const Piece& piece) { return is_free(piece.storage) && piece.storage.nbytes() >= needed; };
  Piece* best = nullptr;
  for (auto& piece : pieces_)
    if (fits(piece) && (!best || piece.storage.nbytes() < best->storage.nbytes())) best = &piece;
  if (!best) {
    // What is free is too small; the new piece serves in its place.
    std::erase_if(pieces_, [](const Piece& piece) { return is_free(piece.storage); });
    pieces_.push_back({fresh(needed), 0});
    best = &pieces_.back();
  }
  best->used = evaluation_;
  const int64_t channels = sizes[1], width = sizes[3], line = width * channels;
  return at::empty({0}, at::TensorOptions(type)).set_(best->storage, 0, sizes, {sizes[2] * line, 1, line, channels});
}

at::Tensor Workspace::scratch(int64_t count, at::ScalarType type) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t needed = count * c10::elementSize(type);
  if (!scratch_ || !is_free(scratch_) || scratch_.nbytes() < needed) scratch_ = fresh(needed);
  return at::empty({0}, at::TensorOptions(type)).set_(scratch_, 0, {count}, {1});
}

void Workspace::begin() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++evaluation_;
  std::erase_if(pieces_,
                [&](const Piece& piece) { return is_free(piece.storage) && piece.used < evaluation_ - kEvaluations; });
}

void Workspace::release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(pieces_, [](const Piece& piece) { return is_free(piece.storage); });
  scratch_ = {};
}

}  // namespace nst::detail
