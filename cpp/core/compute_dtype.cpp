#include "core/compute_dtype.h"

#include "core/onednn.h"

namespace nst::detail {
namespace {

bool has_bfloat16() {
  static const auto op = onednn<bool()>("mkldnn::_is_mkldnn_bf16_supported");
  static const bool result = op && op->call();
  return result;
}

}  // namespace

at::ScalarType compute_dtype(const at::Tensor& tensor) {
  const bool slow = tensor.device().is_cpu() && tensor.scalar_type() == at::kBFloat16 && !has_bfloat16();
  return slow ? at::kFloat : tensor.scalar_type();
}

}  // namespace nst::detail
