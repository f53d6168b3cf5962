// Operators of torch that give access to oneDNN.
#pragma once

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace nst::detail {

/// The operator of this name, such as "mkldnn::_convolution_pointwise", where this torch has it and oneDNN is in use.
template <typename Signature>
std::optional<c10::TypedOperatorHandle<Signature>> onednn(const char* name) {
  if (!at::globalContext().hasMKLDNN() || !at::globalContext().userEnabledMkldnn()) return {};
  const auto op = c10::Dispatcher::singleton().findSchema({name, ""});
  if (!op) return {};
  return op->typed<Signature>();
}

}  // namespace nst::detail
