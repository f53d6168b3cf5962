#include "nst/objective.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "library/image_check.h"
#include "nst/errors.h"

namespace nst {
namespace {

void check_weight(const char* name, double weight) {
  if (!std::isfinite(weight) || weight < 0)
    throw OptionError(c10::str(name, " must be finite and not negative, not ", weight));
}

}  // namespace

Objective::Objective(const Extractor& extractor, const at::Tensor& content, const at::Tensor& style,
                     const LossOptions& options)
    : extractor_(extractor), options_(options) {
  check_weight("content_weight", options.content_weight);
  check_weight("style_weight", options.style_weight);
  const at::NoGradGuard no_graph;
  std::vector<double> weights;
  const auto add = [&](bool is_style, const at::Tensor& image, double weight, const std::vector<std::string>& wanted,
                       const std::vector<std::string>& usual) {
    if (weight == 0) return;
    const std::string name = is_style ? "style" : "content";
    detail::check_image(name + " image", image);
    const auto& layers = wanted.empty() ? usual : wanted;
    if (layers.empty()) throw OptionError("the export suggests no layers for the " + name + " loss; name some");
    const auto features = extractor_(image.detach());
    for (const auto& layer : layers) {
      const auto output = extractor_.index(layer);
      const auto& feature = features[output];
      terms_.push_back({is_style, output, extractor_.metadata().layers[output].channels,
                        is_style ? averaged_gram(feature) : feature});
      labels_.push_back({name, layer, weight});
      weights.push_back(weight);
    }
  };
  const auto& metadata = extractor_.metadata();
  add(false, content, options.content_weight, options.content_layers, metadata.content_layers);
  add(true, style, options.style_weight, options.style_layers, metadata.style_layers);
  if (terms_.empty()) throw OptionError("content_weight and style_weight are both 0; there is nothing to optimise");
  weights_ = at::tensor(weights).to(extractor_.device(), at::kFloat);
}

Objective::Value Objective::operator()(const at::Tensor& image) const {
  const auto features = extractor_(image);
  std::vector<at::Tensor> losses;
  for (const auto& term : terms_) {
    const auto& feature = features[term.output];
    if (!term.style && feature.sizes() != term.target.sizes())
      throw ImageError(c10::str("the image gives feature maps of shape ", feature.sizes(), ", the content image of ",
                                term.target.sizes(), "; both must have the same size"));
    const auto loss = term.style ? style_loss(feature, term.target, term.channels, options_.style_normalization)
                                 : content_loss(feature, term.target, term.channels, options_.content_reduction);
    losses.push_back(loss.to(at::kFloat));
  }
  const auto all = at::stack(losses);
  return {at::dot(all, weights_), all.detach()};
}

}  // namespace nst
