// Memory for maps that is used again.
#pragma once

#include <ATen/core/Tensor.h>

#include <mutex>
#include <vector>

namespace nst {

/// Hands out channels-last maps, and their memory again once nobody holds them: the system clears every page of fresh
/// memory, and of maps there are many pages.
class Buffers {
 public:
  /// Those of this process. Networks that rest keep nothing that another one could use.
  static Buffers& shared();

  /// A map (B, C, H, W) on the CPU whose values are undefined.
  at::Tensor map(at::IntArrayRef sizes, at::ScalarType type);

  /// Room for `count` numbers, apart from the maps: it would be too large for most of them, and kept by them.
  at::Tensor scratch(int64_t count, at::ScalarType type);

  /// Say that a new evaluation begins. Memory that was not used in the last 64 is given back: an image in tiles makes many
  /// small ones, and those without gradients need little of it.
  void begin();

  /// Give back everything that nobody holds.
  void release();

 private:
  struct Piece {
    c10::Storage storage;
    int64_t used;  // number of the evaluation
  };

  std::mutex mutex_;
  std::vector<Piece> pieces_;
  c10::Storage scratch_;
  int64_t evaluation_ = 0;
};

}  // namespace nst
