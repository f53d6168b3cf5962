// A network that `nst export` wrote, loaded and ready to run.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nst/metadata.h"
#include "nst/visibility.h"

namespace nst {

/// How the network is computed.
enum class Execution {
  automatic,  ///< by the kernels of this library where the network is a stack and runs on the CPU, else by TorchScript
  module,     ///< by TorchScript, always
};

/// A frozen network that turns images into feature maps. Copies share it. May be called by several threads at once.
class NST_API Extractor {
 public:
  /// Load a TorchScript file of `nst export`.
  ///
  /// Throws FileError: there is no such file, or it cannot be read. ExportError: it is not a file of `nst export
  /// --format torchscript`, or one of another form than this library's.
  static Extractor load(const std::filesystem::path& file, Execution execution = Execution::automatic,
                        at::Device device = at::kCPU);

  const Metadata& metadata() const&;
  Metadata metadata() &&;  // of a temporary: a reference would outlive it

  /// Whether the kernels of this library do the work.
  bool native() const;

  at::Device device() const;

  /// Compute the feature maps of images.
  ///
  /// images: (B, 3, H, W), RGB in [0, 1], float32 or float64, on the extractor's device.
  /// Returns (B, N, H', W') for every layer of the metadata, in order, in its dtype; differentiable with respect to the
  /// images where these ask for it.
  ///
  /// Throws ImageError: wrong shape or dtype, or an image smaller than metadata().smallest.
  std::vector<at::Tensor> operator()(const at::Tensor& images) const;

  /// Place of a layer among the outputs. Throws OptionError: there is none of this name.
  size_t index(const std::string& layer) const;

 private:
  struct Loaded;
  explicit Extractor(std::shared_ptr<Loaded> loaded) : loaded_(std::move(loaded)) {}
  std::shared_ptr<Loaded> loaded_;
};

}  // namespace nst
