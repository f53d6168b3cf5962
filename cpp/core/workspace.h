// A pool of memory for feature maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <mutex>
#include <vector>

namespace nst::detail {

/// Hands out channels-last maps, and reuses their memory once nobody holds them. The system clears every page of fresh
/// memory before it gives it away, and maps have many pages.
class Workspace {
 public:
  /// The one that all networks share: a network at rest holds no memory that another one could use.
  static Workspace& shared();

  /// A map (B, C, H, W) on the CPU whose values are undefined.
  at::Tensor map(at::IntArrayRef sizes, at::ScalarType type);

  /// Room for `count` numbers, separate from the maps: it is larger than most of them, and they would occupy it.
  at::Tensor scratch(int64_t count, at::ScalarType type);

  /// Say that a new evaluation begins. Memory that none of the last 64 used is given back. So many, because an image in
  /// tiles makes many small evaluations, and those without gradients use little.
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

}  // namespace nst::detail
