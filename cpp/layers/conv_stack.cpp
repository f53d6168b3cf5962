#include "layers/conv_stack.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <utility>

#include "core/held_once.h"
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
    // The ReLU between a layer and what it reads is applied by one of the two, unless somebody wants to see its output.
    auto before = static_cast<int64_t>(i) - 1;
    while (before >= 0 && !saves(before)) --before;
    source_.push_back(before);
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

// Bytes of what there is at once, about: the taps, twice the largest map, and the largest transformed kernel. It is
// virtual memory, of which nothing is used that is not needed.
size_t ConvStack::bytes_needed(const at::Tensor& input) const {
  auto sizes = input.sizes().vec();
  size_t taps = 0, largest = 0, kernel = 0;
  for (size_t i = 0; i < kinds_.size(); ++i) {
    const auto before = sizes[1];
    sizes = sizes_after(i, sizes);
    const size_t number = c10::elementSize(type_), bytes = c10::multiply_integers(sizes) * number;
    largest = std::max(largest, bytes);
    if (kinds_[i] == LayerKind::convolution) kernel = std::max(kernel, 36 * before * sizes[1] * number);
    if (tapped_[i]) taps += bytes;
  }
  return taps + 2 * largest + kernel;
}

std::vector<int64_t> ConvStack::sizes_after(size_t layer, std::vector<int64_t> sizes) const {
  if (convolutions_[layer]) {
    sizes[1] = convolutions_[layer]->outputs();
  } else if (kinds_[layer] != LayerKind::relu) {
    sizes[2] /= 2;
    sizes[3] /= 2;
  }
  return sizes;
}

std::vector<at::Tensor> ConvStack::forward(const at::Tensor& input, Trace* trace) const {
  TORCH_CHECK(input.dim() == 4 && input.size(1) == inputs_ && input.device().is_cpu(),
              "nst::ConvStack: the input must be (B, ", inputs_, ", H, W) on the CPU, not ", input.sizes(), " on ",
              input.device());
  const at::AutoDispatchBelowAutograd no_graph;
  workspace_.begin(bytes_needed(input));
  if (!trace) give_back_memory();
  if (trace) *trace = {input.sizes().vec(), std::vector<at::Tensor>(kinds_.size())};
  std::vector<at::Tensor> taps;
  auto current = normalization_.forward(input.detach(), type_, workspace_);
  bool relu = false;  // whether a ReLU still has to be applied to `current`
  for (size_t i = 0; i < kinds_.size(); ++i) {
    const bool skipped = source_[i] + 1 < static_cast<int64_t>(i);  // a ReLU is between this layer and what it reads
    if (kinds_[i] == LayerKind::convolution) {
      if (skipped && trace && !trace->bytes[i].defined()) trace->bytes[i] = sign_bits(current);
      const bool fused = is(i + 1, LayerKind::relu) && !tapped_[i];
      // The next convolution needs the signs of what this one makes.
      const bool next = trace && fused && !saves(i + 1) && is(i + 2, LayerKind::convolution);
      current = convolutions_[i]->forward(relu ? at::relu(current) : current, fused, workspace_,
                                          next ? &trace->bytes[i + 2] : nullptr);
      relu = false;
    } else if (kinds_[i] == LayerKind::relu) {
      relu = i == 0 || tapped_[i - 1] || kinds_[i - 1] != LayerKind::convolution;
      if (saves(i) && trace) trace->bytes[i] = sign_bits(current);
      if (relu && saves(i)) {
        current = at::relu(current);
        relu = false;
      }
    } else {
      auto output = workspace_.map(sizes_after(i, current.sizes().vec()), type_);
      // To apply the ReLU again changes nothing, but says that its zeros pass no gradient on.
      const auto takers = pool(current, kinds_[i] == LayerKind::average_pool, relu || skipped, trace, output);
      if (trace) trace->bytes[i] = takers;
      current = std::move(output);
      relu = false;
    }
    if (tapped_[i]) {
      const auto* projection = projection_of(taps.size());
      taps.push_back(projection ? projection->forward(current, workspace_) : current);
    }
  }
  return taps;
}

at::Tensor ConvStack::backward(const Trace& trace, const GradientOf& gradient_of) const {
  TORCH_CHECK(trace.bytes.size() == kinds_.size() && trace.sizes.size() == 4 && trace.sizes[1] == inputs_,
              "nst::ConvStack: the trace is of another stack");
  const at::AutoDispatchBelowAutograd no_graph;
  std::vector<std::vector<int64_t>> sizes{trace.sizes};  // of what every layer reads
  for (size_t i = 0; i < kinds_.size(); ++i) sizes.push_back(sizes_after(i, sizes.back()));
  size_t tap = std::count(tapped_.begin(), tapped_.end(), true);
  // Of the output of a layer, as far as its tap knows; layers are asked for from the last one on.
  const auto given = [&](int64_t layer) {
    if (layer < 0 || !tapped_[layer]) return at::Tensor();
    auto gradient = gradient_of(--tap);
    if (!gradient.defined()) return gradient;
    auto expected = sizes[layer + 1];
    const auto* projection = projection_of(tap);
    if (projection) expected[1] = projection->outputs();
    TORCH_CHECK(gradient.sizes() == expected && gradient.device().is_cpu(), "nst::ConvStack: the gradient of tap ", tap,
                " must be ", at::IntArrayRef(expected), " on the CPU, not ", gradient.sizes(), " on ",
                gradient.device());
    gradient = gradient.to(type_).contiguous(at::MemoryFormat::ChannelsLast);
    return projection ? projection->backward(gradient, workspace_) : gradient;
  };
  at::Tensor current;  // gradient of the output of layer i, its own tap included
  for (int64_t i = static_cast<int64_t>(kinds_.size()) - 1; i >= 0;) {
    if (!current.defined()) current = given(i);
    if (!current.defined()) {
      --i;
      continue;
    }
    const int64_t before = source_[i];
    current = gradient_through(i, std::move(current), trace.bytes[i], sizes[i], given(before));
    if (before >= 0) current = current.to(type_);  // a convolution with few channels gives float32
    i = before;
  }
  return current.defined() ? normalization_.backward(current) : current;
}

at::Tensor ConvStack::gradient_through(size_t layer, at::Tensor gradient, const at::Tensor& bytes,
                                       at::IntArrayRef sizes, at::Tensor add) const {
  if (kinds_[layer] == LayerKind::convolution)
    return convolutions_[layer]->backward(gradient, bytes, std::move(add), workspace_);
  if (kinds_[layer] == LayerKind::relu) {
    auto result = held_once(gradient) ? gradient : gradient.clone();
    mask_add(bytes, add, result);
    return result;
  }
  auto result = held_once(add) ? add : workspace_.map(sizes, type_);
  pool_backward(gradient, bytes, kinds_[layer] == LayerKind::average_pool, add, result);
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
    ConvStack::Trace trace;
    auto taps = holder->stack->forward(input, &trace);
    context->set_materialize_grads(false);
    context->saved_data["dtype"] = static_cast<int64_t>(input.scalar_type());
    context->saved_data["sizes"] = trace.sizes;
    context->saved_data["stack"] = c10::IValue::make_capsule(holder);
    context->save_for_backward(std::move(trace.bytes));  // they are let go of after the backward pass
    return taps;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "nst::ConvStack: there are first derivatives only; leave create_graph out, or set NST_NATIVE=0");
    const ConvStack::Trace trace{context->saved_data["sizes"].toIntVector(), context->get_saved_variables()};
    const auto capsule = context->saved_data["stack"].toCapsule();
    const auto type = static_cast<at::ScalarType>(context->saved_data["dtype"].toInt());
    const auto gradient = static_cast<const Holder*>(capsule.get())->stack->backward(trace, [&](size_t tap) {
      return std::move(gradients[tap]);
    });
    return {gradient.defined() ? gradient.to(type) : at::zeros(trace.sizes, type), at::Tensor()};
  }
};

}  // namespace

std::vector<at::Tensor> ConvStack::apply(const std::shared_ptr<const ConvStack>& stack, const at::Tensor& input) {
  if (!at::GradMode::is_enabled() || !input.requires_grad()) return stack->forward(input, nullptr);
  return Apply::apply(input, c10::make_intrusive<Holder>(stack));
}

}  // namespace nst::detail
