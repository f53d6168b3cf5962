// Memory for feature maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace nst::detail {

/// Hands out channels-last maps and takes their memory back once nobody holds them. The system clears every page of
/// fresh memory before it gives it away, and maps have many pages.
///
/// A map lies in the smallest gap that it fits into, in a block that is meant to hold all maps of an evaluation, or in
/// one of its own where there is no such gap. Pages that no map has ever lain in take no memory.
class Workspace {
 public:
  /// The one that all networks share: a network at rest holds no memory that another one could use.
  static Workspace& shared();

  /// A map (B, C, H, W) on the CPU whose values are undefined.
  at::Tensor map(at::IntArrayRef sizes, at::ScalarType type);

  /// Room for `count` numbers.
  at::Tensor scratch(int64_t count, at::ScalarType type);

  /// Say that a new evaluation begins, which holds about `bytes` at once. Memory that none of the last 64 used is given
  /// back, on Linux. So many, because an image in tiles makes many small evaluations, and those without gradients use
  /// little.
  void begin(size_t bytes);

  /// Give back everything that nobody holds.
  void release();

  /// Whether memory is a workspace's or torch's own, rather than borrowed from somebody who may still look at it.
  static bool is_plain(const c10::Storage& storage);

 private:
  struct Block {
    c10::DataPtr memory;
    size_t bytes = 0;
    std::map<size_t, size_t> taken;  // pieces: where each begins and ends
    size_t used = 0;                 // end of the part that was used since the last look()
    size_t touched = 0;              // end of the part whose pages may be resident

    std::pair<size_t, bool> place(size_t needed) const;
  };
  struct Piece;

  c10::Storage room(size_t bytes);
  std::unique_ptr<Piece> take(size_t needed);
  std::shared_ptr<Block> add_block(size_t bytes);
  void look();

  std::mutex mutex_;
  std::vector<std::shared_ptr<Block>> blocks_;
  int64_t evaluation_ = 0;
};

}  // namespace nst::detail
