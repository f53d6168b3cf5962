#include "multiplied.h"

#include "onednn.h"

namespace nst {
namespace {

bool has_bfloat16() {
  static const auto op = onednn<bool()>("mkldnn::_is_mkldnn_bf16_supported");
  static const bool result = op && op->call();
  return result;
}

}  // namespace

at::ScalarType multiplied_as(const at::Tensor& numbers) {
  const bool slow = numbers.device().is_cpu() && numbers.scalar_type() == at::kBFloat16 && !has_bfloat16();
  return slow ? at::kFloat : numbers.scalar_type();
}

}  // namespace nst
