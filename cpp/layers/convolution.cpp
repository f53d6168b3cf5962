#include "layers/convolution.h"

#include <ATen/Functions.h>

#include "core/compute_dtype.h"
#include "core/held_once.h"
#include "core/onednn.h"
#include "layers/parameter_check.h"
#include "layers/pooling.h"

namespace nst::detail {
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

at::Tensor new_map(const at::Tensor& like, int64_t channels, Workspace& workspace) {
  return workspace.map({like.size(0), channels, like.size(2), like.size(3)}, like.scalar_type());
}

}  // namespace

Convolution::Convolution(const at::Tensor& weight, const at::Tensor& bias) {
  check_parameters("convolution", weight, bias, 3);
  bias_ = bias.detach().to(at::kFloat, false, true).contiguous();
  const auto frozen = weight.detach();
  if (FewChannelConvolution::fits(frozen)) {
    few_channels_ = std::make_unique<FewChannelConvolution>(frozen, bias_);
    return;
  }
  if (WinogradConvolution::fits(frozen)) {
    winograd_ = std::make_unique<WinogradConvolution>(frozen);
    return;
  }
  if (compute_dtype(frozen) != frozen.scalar_type()) {
    in_float32_ = std::make_unique<Convolution>(frozen.to(compute_dtype(frozen)), bias_);
    return;
  }
  direct_ = direct(frozen, bias.detach().clone());
  direct_back_ = direct(frozen.flip({2, 3}).transpose(0, 1), {});
}

Convolution::Direct Convolution::direct(const at::Tensor& weight, const at::Tensor& bias) {
  const auto laid = weight.clone(at::MemoryFormat::ChannelsLast);
  // With fewer channels oneDNN's layout of the weights costs more than it saves.
  const bool many_channels = laid.size(0) % 16 == 0 && laid.size(1) % 16 == 0;
  if (many_channels && pointwise() && reorder() && laid.scalar_type() == at::kBFloat16)
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

at::Tensor Convolution::forward(const at::Tensor& input, bool relu, Workspace& workspace, at::Tensor* signs) const {
  if (winograd_) {
    auto output = new_map(input, winograd_->outputs(), workspace);
    if (signs) *signs = workspace.scratch(output.numel() / 8, at::kByte);  // a panel of channels has whole bytes
    winograd_->forward(input, bias_, relu, workspace, output, signs ? *signs : at::Tensor());
    return output;
  }
  auto output = forward_elsewhere(input, relu, workspace);
  if (signs) *signs = sign_bits(output);
  return output;
}

at::Tensor Convolution::forward_elsewhere(const at::Tensor& input, bool relu, Workspace& workspace) const {
  if (few_channels_) {
    auto output = new_map(input, few_channels_->outputs(), workspace);
    few_channels_->forward(input, relu, output);
    return output;
  }
  if (in_float32_) return in_float32_->forward(input.to(at::kFloat), relu, workspace).to(input.scalar_type());
  return direct_(input, relu);
}

at::Tensor Convolution::backward(const at::Tensor& gradient, const at::Tensor& signs, at::Tensor add,
                                 Workspace& workspace) const {
  if (!winograd_) {
    auto result = few_channels_ ? few_channels_->backward(gradient)
                  : in_float32_ ? in_float32_->backward(gradient.to(at::kFloat), {}, {}, workspace)
                                : direct_back_(gradient, false);
    if (!signs.defined() && !add.defined()) return result;
    result = result.to(gradient.scalar_type());
    mask_add(signs, add, result);
    return result;
  }
  auto result = held_once(add) ? add : new_map(gradient, winograd_->inputs(), workspace);
  winograd_->backward(gradient, signs, add, workspace, result);
  return result;
}

}  // namespace nst::detail
