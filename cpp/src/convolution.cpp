#include "nst/convolution.h"

#include <ATen/Functions.h>

#include "multiplied.h"
#include "nst/pooling.h"
#include "onednn.h"
#include "parameters.h"

namespace nst {
namespace {

using Pointwise = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, at::IntArrayRef,
                             at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view,
                             c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
using Reorder = at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                           at::OptionalIntArrayRef);

// The operators that torch.compile uses for convolutions with a fused ReLU.
const auto& pointwise() {
  static const auto op = onednn<Pointwise>("mkldnn::_convolution_pointwise");
  return op;
}

const auto& reorder() {
  static const auto op = onednn<Reorder>("mkldnn::_reorder_convolution_weight");
  return op;
}

const std::array<int64_t, 2> kOne = {1, 1};

at::Tensor channels_last(const at::Tensor& map) { return map.contiguous(at::MemoryFormat::ChannelsLast); }

at::Tensor new_map(const at::Tensor& like, int64_t channels, Buffers& buffers) {
  return buffers.map({like.size(0), channels, like.size(2), like.size(3)}, like.scalar_type());
}

}  // namespace

Convolution::Convolution(const at::Tensor& weight, const at::Tensor& bias) {
  check_parameters("convolution", weight, bias, 3);
  bias_ = bias.detach().to(at::kFloat, false, true).contiguous();
  const auto frozen = weight.detach();
  if (Narrow::fits(frozen)) {
    narrow_ = std::make_unique<Narrow>(frozen, bias_);
    return;
  }
  if (Winograd::fits(frozen)) {
    winograd_ = std::make_unique<Winograd>(frozen, false);
    winograd_back_ = std::make_unique<Winograd>(frozen, true);
    return;
  }
  if (multiplied_as(frozen) != frozen.scalar_type()) {
    wide_ = std::make_unique<Convolution>(frozen.to(multiplied_as(frozen)), bias_);
    return;
  }
  direct_ = direct(frozen, bias.detach().clone());
  direct_back_ = direct(frozen.flip({2, 3}).transpose(0, 1), {});
}

Convolution::Direct Convolution::direct(const at::Tensor& weight, const at::Tensor& bias) {
  const auto laid = weight.clone(at::MemoryFormat::ChannelsLast);
  // With few channels oneDNN's layout of the weights costs more than it saves.
  const bool wide = laid.size(0) % 16 == 0 && laid.size(1) % 16 == 0;
  if (wide && pointwise() && reorder() && laid.scalar_type() == at::kBFloat16)
    return {reorder()->call(laid, kOne, kOne, kOne, 1, {}), bias, true};
  return {laid, bias, false};
}

at::Tensor Convolution::Direct::operator()(const at::Tensor& input, bool relu) const {
  const auto given = bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  if (packed) {
    const c10::List<std::optional<at::Scalar>> none;
    return channels_last(
        pointwise()->call(input, weight, given, kOne, kOne, kOne, 1, relu ? "relu" : "none", none, {}));
  }
  auto result = channels_last(at::conv2d(input, weight, given, 1, 1));
  return relu ? result.relu_() : result;
}

at::Tensor Convolution::forward(const at::Tensor& input, bool relu, Buffers& buffers) const {
  if (narrow_) {
    auto output = new_map(input, narrow_->outputs(), buffers);
    narrow_->forward(input, relu, output);
    return output;
  }
  if (wide_) return wide_->forward(input.to(at::kFloat), relu, buffers).to(input.scalar_type());
  if (!winograd_) return direct_(input, relu);
  auto output = new_map(input, winograd_->outputs(), buffers);
  (*winograd_)(input, bias_, relu, {}, {}, buffers, output);
  return output;
}

at::Tensor Convolution::backward(const at::Tensor& gradient, const at::Tensor& mask, const at::Tensor& add,
                                 Buffers& buffers) const {
  if (!winograd_) {
    auto result = narrow_ ? narrow_->backward(gradient)
                  : wide_ ? wide_->backward(gradient.to(at::kFloat), {}, {}, buffers)
                          : direct_back_(gradient, false);
    if (!mask.defined() && !add.defined()) return result;
    result = result.to(gradient.scalar_type());
    mask_add(mask, add, result);
    return result;
  }
  auto output = new_map(gradient, winograd_back_->outputs(), buffers);
  (*winograd_back_)(gradient, {}, false, mask, add, buffers, output);
  return output;
}

}  // namespace nst
