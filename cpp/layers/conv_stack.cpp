#include "layers/conv_stack.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <utility>

#include "layers/parameter_check.h"
#include "layers/pooling.h"

namespace nst::detail {
namespace {

// What loading the weights left behind lies in pieces that no map fits into. Targets are extracted right after it.
void give_back_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace

ConvStack::ConvStack(const StackParts& parts)
    : kinds_(parts.kinds),
      convolutions_(kinds_.size()),
      tapped_(kinds_.size(), false),
      inputs_(!parts.weights.empty() && parts.weights[0].dim() == 4 ? parts.weights[0].size(1) : 0),
      normalization_(parts.mean, parts.std, inputs_) {
  const auto& [kinds, weights, biases, taps, projection_weights, projection_biases, mean, std] = parts;
  const auto layers = static_cast<int64_t>(kinds.size());
  for (size_t i = 0; i < taps.size(); ++i) {
    TORCH_CHECK(taps[i] >= 0 && taps[i] < layers, "nst::ConvStack: there is no layer ", taps[i], " among ", layers);
    TORCH_CHECK(i == 0 || taps[i] > taps[i - 1], "nst::ConvStack: taps must ascend");
    tapped_[taps[i]] = true;
  }
  TORCH_CHECK(
      !weights.empty() && weights.size() == biases.size() &&
          static_cast<int64_t>(weights.size()) == std::count(kinds.begin(), kinds.end(), LayerKind::convolution),
      "nst::ConvStack: every convolution needs a weight and a bias");
  type_ = weights[0].scalar_type();
  size_t next = 0;
  std::vector<int64_t> tap_channels;
  int64_t channels = inputs_;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == LayerKind::convolution) {
      check_parameters("convolution", weights[next], biases[next], 3);
      TORCH_CHECK(weights[next].scalar_type() == type_, "nst::ConvStack: all weights must be of one dtype");
      TORCH_CHECK(weights[next].size(1) == channels, "nst::ConvStack: convolution ", next, " reads ",
                  weights[next].size(1), " channels, but there are ", channels);
      convolutions_[i] = std::make_unique<Convolution>(weights[next], biases[next]);
      channels = weights[next++].size(0);
    }
    if (tapped_[i]) tap_channels.push_back(channels);
  }
  TORCH_CHECK(projection_weights.size() == projection_biases.size() &&
                  (projection_weights.empty() || projection_weights.size() == taps.size()),
              "nst::ConvStack: every tap needs a weight and a bias of a projection, defined or not, or none has any");
  for (size_t i = 0; i < projection_weights.size(); ++i) {
    projections_.emplace_back();
    if (!projection_weights[i].defined()) continue;
    TORCH_CHECK(projection_weights[i].scalar_type() == type_, "nst::ConvStack: all weights must be of one dtype");
    projections_[i].emplace(projection_weights[i], projection_biases[i]);
    TORCH_CHECK(projections_[i]->inputs() == tap_channels[i], "nst::ConvStack: projection ", i, " reads ",
                projections_[i]->inputs(), " channels, but tap ", i, " has ", tap_channels[i]);
  }
}

ConvStack::Maps ConvStack::forward(const at::Tensor& input, bool keep) const {
  TORCH_CHECK(input.dim() == 4 && input.size(1) == inputs_ && input.device().is_cpu(),
              "nst::ConvStack: the input must be (B, ", inputs_, ", H, W) on the CPU, not ", input.sizes(), " on ",
              input.device());
  const at::AutoDispatchBelowAutograd no_graph;
  workspace_.begin();
  if (!keep) give_back_memory();
  Maps maps{normalization_.forward(input.detach(), type_, workspace_), std::vector<at::Tensor>(kinds_.size()), {}};
  auto current = maps.input;
  bool relu = false;  // whether a ReLU still has to be applied to `current`
  for (size_t i = 0; i < kinds_.size(); ++i) {
    if (kinds_[i] == LayerKind::convolution) {
      const bool fused = is(i + 1, LayerKind::relu) && !tapped_[i];
      current = maps.saved[i] = convolutions_[i]->forward(relu ? at::relu(current) : current, fused, workspace_);
      relu = false;
    } else if (kinds_[i] == LayerKind::relu) {
      relu = i == 0 || tapped_[i - 1] || kinds_[i - 1] != LayerKind::convolution;
      if (relu && (tapped_[i] || i == 0)) {
        current = at::relu(current);
        relu = false;
      }
      if (tapped_[i] || i == 0) maps.saved[i] = current;
    } else {
      auto output = workspace_.map({current.size(0), current.size(1), current.size(2) / 2, current.size(3) / 2}, type_);
      pool(current, kinds_[i] == LayerKind::average_pool, relu, output);
      current = maps.saved[i] = output;
      relu = false;
    }
    if (tapped_[i]) {
      const auto* projection = projection_of(maps.taps.size());
      maps.taps.push_back(projection ? projection->forward(current, workspace_) : current);
    }
    if (!keep && i > 0) maps.saved[i - 1].reset();
  }
  if (!keep) maps = {{}, {}, std::move(maps.taps)};
  return maps;
}

at::Tensor ConvStack::backward(const Maps& maps, const std::vector<at::Tensor>& gradients) const {
  const auto taps = std::count(tapped_.begin(), tapped_.end(), true);
  TORCH_CHECK(static_cast<int64_t>(gradients.size()) == taps, "nst::ConvStack: ", taps, " gradients are needed, not ",
              gradients.size());
  const at::AutoDispatchBelowAutograd no_graph;
  std::vector<at::Tensor> given(kinds_.size());
  for (size_t i = 0, next = 0; i < kinds_.size(); ++i) {
    if (!tapped_[i]) continue;
    const auto tap = next++;
    if (!gradients[tap].defined()) continue;
    given[i] = gradients[tap].to(type_).contiguous(at::MemoryFormat::ChannelsLast);
    if (const auto* projection = projection_of(tap)) given[i] = projection->backward(given[i], workspace_);
  }
  at::Tensor current;  // gradient of the output of layer i, its own tap included
  for (size_t i = kinds_.size(); i-- > 0;) {
    if (!current.defined()) current = given[i];
    if (!current.defined()) continue;
    // What layer i reads: the nearest map that was saved before it. A ReLU between them saved none.
    size_t before = i;
    while (before > 0 && !maps.saved[before - 1].defined()) --before;
    const auto& source = before > 0 ? maps.saved[before - 1] : maps.input;
    current = gradient_through(i, current, source, before < i, before > 0 ? given[before - 1] : at::Tensor());
    if (before > 0) current = current.to(type_);  // a convolution with few channels gives float32
    i = before;
  }
  return current.defined() ? normalization_.backward(current) : current;
}

at::Tensor ConvStack::gradient_through(size_t layer, const at::Tensor& gradient, const at::Tensor& source, bool relu,
                                       const at::Tensor& add) const {
  if (kinds_[layer] == LayerKind::convolution)
    return convolutions_[layer]->backward(gradient, relu ? source : at::Tensor(), add, workspace_);
  if (kinds_[layer] == LayerKind::relu) {
    auto result = gradient.clone();
    mask_add(source, add, result);
    return result;
  }
  auto result = workspace_.map(source.sizes(), type_);
  pool_backward(gradient, source, kinds_[layer] == LayerKind::average_pool, relu, add, result);
  return result;
}

namespace {

// The stack, for the backward pass: autograd's context keeps tensors and plain values, and this is neither.
struct Holder : torch::CustomClassHolder {
  explicit Holder(std::shared_ptr<const ConvStack> held) : stack(std::move(held)) {}
  std::shared_ptr<const ConvStack> stack;
};

class Apply : public torch::autograd::Function<Apply> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                                                const c10::intrusive_ptr<Holder>& holder) {
    auto maps = holder->stack->forward(input);
    context->set_materialize_grads(false);
    context->saved_data["dtype"] = static_cast<int64_t>(input.scalar_type());
    context->saved_data["stack"] = c10::IValue::make_capsule(holder);
    // Saved like this, a map that somebody changes in place is noticed, and all are let go of after the backward pass.
    auto saved = std::move(maps.saved);
    saved.push_back(maps.input);
    context->save_for_backward(std::move(saved));
    // The outputs must not be the saved tensors: they get a gradient function, which holds the saved ones.
    for (auto& tap : maps.taps) tap = tap.detach();
    return maps.taps;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "nst::ConvStack: there are first derivatives only; leave create_graph out, or set NST_NATIVE=0");
    ConvStack::Maps maps{{}, context->get_saved_variables(), {}};
    maps.input = std::move(maps.saved.back());
    maps.saved.pop_back();
    const auto capsule = context->saved_data["stack"].toCapsule();
    const auto gradient = static_cast<const Holder*>(capsule.get())->stack->backward(maps, gradients);
    const auto type = static_cast<at::ScalarType>(context->saved_data["dtype"].toInt());
    return {gradient.defined() ? gradient.to(type) : at::zeros_like(maps.input).to(type), at::Tensor()};
  }
};

}  // namespace

std::vector<at::Tensor> ConvStack::apply(const std::shared_ptr<const ConvStack>& stack, const at::Tensor& input) {
  if (!at::GradMode::is_enabled() || !input.requires_grad()) return stack->forward(input, false).taps;
  return Apply::apply(input, c10::make_intrusive<Holder>(stack));
}

}  // namespace nst::detail
