#include "multiplied.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace nst {
namespace {

bool has_bfloat16() {
  static const bool result = [] {
    if (!at::globalContext().hasMKLDNN()) return false;
    const auto op = c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
    return op && op->typed<bool()>().call();
  }();
  return result && at::globalContext().userEnabledMkldnn();
}

}  // namespace

at::ScalarType multiplied_as(const at::Tensor& numbers) {
  const bool slow = numbers.device().is_cpu() && numbers.scalar_type() == at::kBFloat16 && !has_bfloat16();
  return slow ? at::kFloat : numbers.scalar_type();
}

}  // namespace nst
