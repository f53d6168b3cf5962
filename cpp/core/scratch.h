// Large blocks of memory in files.
#pragma once

#include <c10/core/Allocator.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace nst::detail {

/// Begins the message of every error that says why a block cannot be in a file.
inline constexpr const char* kScratchError = "nst scratch: ";

/// A folder for blocks of memory that are large. While a thread has one, torch's blocks of at least `smallest` bytes
/// that the thread asks for are mapped files in it, which have no name: nothing is left of them, whatever happens to
/// the process. What is written to them the system can move to the disk, and what is resident of all of them is kept
/// below a limit by dropping pages from the process, not from the file.
class Scratch : public std::enable_shared_from_this<Scratch> {
 public:
  /// Linux only; elsewhere this raises an error.
  Scratch(std::string folder, size_t smallest);

  /// Give the calling thread another scratch folder, or none, and return the one that it had.
  static std::shared_ptr<Scratch> exchange(std::shared_ptr<Scratch> next);

  /// Limit what is resident of the blocks of all folders, in bytes.
  static void limit_resident(size_t bytes);

  size_t smallest() const { return smallest_; }

  /// Bytes of the blocks that there are now, and the most that there were at once.
  size_t bytes() const { return bytes_; }
  size_t peak() const { return peak_; }

  /// Make a block of zeros. Raises an error that begins with kScratchError if there is no room for it.
  void* map(size_t bytes);

  /// Note that a block of so many bytes is gone.
  void forget(size_t bytes) { bytes_ -= bytes; }

 private:
  int open_file() const;

  const std::string folder_;
  const size_t smallest_;
  std::atomic<size_t> bytes_ = 0;
  std::atomic<size_t> peak_ = 0;
};

/// Torch's allocator for memory that is never in a file.
c10::Allocator* memory_allocator();

/// Whether `data` is the beginning of a block in a file.
bool is_in_file(const void* data);

}  // namespace nst::detail
