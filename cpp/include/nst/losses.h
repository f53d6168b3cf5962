// The content and style losses of Gatys, Ecker and Bethge, arXiv:1508.06576, with the numbers of the Python plugins.
//
// F, (N, M), is a feature map of N channels and M = H·W positions; `channels` is the layer's nominal N. All results
// are float32 (float64 for float64 features), differentiable with respect to `feature`.
#pragma once

#include <ATen/core/Tensor.h>

#include "nst/visibility.h"

namespace nst {

enum class ContentReduction {
  mean,  ///< 1/(N M) Σ (F_G - F_C)²
  sum,   ///< ½ Σ (F_G - F_C)², equation 1
};

enum class GramNormalization {
  mean,      ///< 1/N⁴ Σ (A_S - A_G)²
  gatys,     ///< 1/(4 N²) Σ (A_S - A_G)², equation 4
  relative,  ///< Σ (A_S - A_G)² / Σ A_S²
};

/// A = F Fᵀ / M. feature: (B, N, H, W), float32, float64 or bfloat16. Returns (B, N, N).
NST_API at::Tensor averaged_gram(const at::Tensor& feature);

/// Compare a feature map with that of the content image, of the same shape. Returns a scalar, summed over the batch.
NST_API at::Tensor content_loss(const at::Tensor& feature, const at::Tensor& target, int64_t channels,
                                ContentReduction reduction = ContentReduction::mean);

/// Compare averaged_gram() of a feature map with `target`, that of the style image. Returns a scalar, summed over the
/// batch.
NST_API at::Tensor style_loss(const at::Tensor& feature, const at::Tensor& target, int64_t channels,
                              GramNormalization normalization = GramNormalization::mean);

}  // namespace nst
