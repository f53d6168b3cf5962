// A frozen stack of convolutions, ReLUs and poolings, run forward and backward without an autograd graph.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/workspace.h"
#include "layers/convolution.h"
#include "layers/normalization.h"
#include "layers/projection.h"

namespace nst::detail {

/// What the layers of a stack are: convolutions 3×3 with a border of one zero, poolings 2×2 with stride 2.
enum class LayerKind : int64_t { convolution = 0, relu = 1, max_pool = 2, average_pool = 3 };

/// A stack as data.
struct StackParts {
  std::vector<LayerKind> kinds;
  std::vector<at::Tensor> weights;  ///< of the convolutions, in order, (K, C, 3, 3), float32 or bfloat16, on the CPU
  std::vector<at::Tensor> biases;   ///< likewise, (K)
  std::vector<int64_t> taps;        ///< indices of layers whose output is wanted, ascending
  /// Of the projection that each tap goes through before it is returned, (K, C, 1, 1); the next layer reads the tap
  /// itself. Undefined for a tap without one, empty where no tap has one.
  std::vector<at::Tensor> projection_weights;
  std::vector<at::Tensor> projection_biases;  ///< likewise, (K)
  std::vector<float> mean, std;               ///< the first layer sees (input - mean) / std; empty: the input itself
};

/// Evaluates the layers, and the gradient with respect to the input; never the gradient of weights.
///
/// Maps are channels-last, in the dtype of the weights. No map is kept for the backward pass, but for the taps, by whom
/// they were computed for. A ReLU is applied by the convolution before it, or, where that one is tapped, by the layer
/// that reads the map. May be called by several threads at once.
class ConvStack {
 public:
  explicit ConvStack(const StackParts& parts);

  /// What backward() needs to know of an evaluation: no maps, but which of their numbers were positive.
  struct Trace {
    std::vector<int64_t> sizes;     ///< of the input
    std::vector<at::Tensor> bytes;  ///< by layer: sign_bits() of what it reads, or the takers of pool(), or undefined
  };

  /// input: (B, C, H, W) on the CPU, floating-point.
  /// trace: is filled for backward(); null where it will not be called.
  /// Returns the outputs of the tapped layers, in order, or what their projections make of them.
  std::vector<at::Tensor> forward(const at::Tensor& input, Trace* trace) const;

  /// The gradient of the output of a tap, by its number; undefined for zero.
  using GradientOf = std::function<at::Tensor(size_t)>;

  /// gradient_of: is asked once for each tap, the last one first, when its gradient is needed.
  /// Returns the gradient of the input, float32; undefined where no gradient is defined.
  at::Tensor backward(const Trace& trace, const GradientOf& gradient_of) const;

  /// The outputs of the tapped layers, differentiable with respect to `input`, once.
  static std::vector<at::Tensor> apply(const std::shared_ptr<const ConvStack>& stack, const at::Tensor& input);

 private:
  size_t bytes_needed(const at::Tensor& input) const;
  std::vector<int64_t> sizes_after(size_t layer, std::vector<int64_t> sizes) const;
  const Projection* projection_of(size_t tap) const {
    return tap < projections_.size() && projections_[tap] ? &*projections_[tap] : nullptr;
  }
  bool is(size_t layer, LayerKind kind) const { return layer < kinds_.size() && kinds_[layer] == kind; }
  // Whether the output of a layer is there by itself.
  bool saves(size_t layer) const { return layer == 0 || tapped_[layer] || kinds_[layer] != LayerKind::relu; }
  at::Tensor gradient_through(size_t layer, at::Tensor gradient, const at::Tensor& bytes, at::IntArrayRef sizes,
                              at::Tensor add) const;

  std::vector<LayerKind> kinds_;
  std::vector<std::unique_ptr<Convolution>> convolutions_;  // by layer; null for the others
  std::vector<bool> tapped_;
  std::vector<int64_t> source_;                         // by layer: the one whose output it reads, -1 for the input
  std::vector<std::optional<Projection>> projections_;  // by tap, or none at all
  at::ScalarType type_;
  int64_t inputs_;
  Normalization normalization_;
  Workspace& workspace_ = Workspace::shared();
};

}  // namespace nst::detail
