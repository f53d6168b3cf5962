// From an image to one differentiable number.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "nst/extractor.h"
#include "nst/losses.h"
#include "nst/visibility.h"

namespace nst {

/// What the objective is made of. The defaults are the preset `content` of Python.
struct LossOptions {
  double content_weight = 10.0;             ///< α; 0 leaves the content loss out
  double style_weight = 1e7;                ///< β; 0 leaves the style loss out
  std::vector<std::string> content_layers;  ///< empty: those of the export
  std::vector<std::string> style_layers;    ///< empty: those of the export
  ContentReduction content_reduction = ContentReduction::mean;
  GramNormalization style_normalization = GramNormalization::mean;
};

/// Which loss a number belongs to.
struct LossLabel {
  std::string loss;  ///< "content" or "style"
  std::string layer;
  double weight;  ///< what it is multiplied with in the total
};

/// α Σ content losses + β Σ style losses. The features of both images are computed once, by the constructor.
class NST_API Objective {
 public:
  struct Value {
    at::Tensor total;   ///< scalar float32, differentiable
    at::Tensor losses;  ///< unweighted, one for each label, without a graph
  };

  /// content, style: (1, 3, H, W), RGB in [0, 1]; they may differ in size.
  ///
  /// Throws OptionError: a weight is negative or not finite, both are zero, a layer does not exist or none is named.
  /// ImageError: see Extractor.
  Objective(const Extractor& extractor, const at::Tensor& content, const at::Tensor& style,
            const LossOptions& options = {});

  /// image: (1, 3, H, W) in [0, 1], in the size of the content image.
  Value operator()(const at::Tensor& image) const;

  const std::vector<LossLabel>& labels() const { return labels_; }

 private:
  struct Term {
    bool style;
    size_t output;  // of the extractor
    int64_t channels;
    at::Tensor target;
  };

  Extractor extractor_;
  LossOptions options_;
  std::vector<Term> terms_;
  std::vector<LossLabel> labels_;
  at::Tensor weights_;
};

}  // namespace nst
