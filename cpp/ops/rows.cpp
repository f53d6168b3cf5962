#include "ops/rows.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "kernels/dispatch.h"

namespace nst::detail {
namespace {

// Columns that are handled together: those of the chosen rows, or of the sum, stay in the nearest cache.
constexpr int64_t kColumns = 2048;

void check_matrix(const char* name, const at::Tensor& rows) {
  TORCH_CHECK(rows.dim() == 2, name, ": rows must be a matrix (height, width), not of shape ", rows.sizes());
  TORCH_CHECK(rows.is_floating_point(), name, ": rows must be of floating point, not ", rows.scalar_type());
}

// Whether our kernels can read it; torch's GEMM does the rest.
bool readable(const at::Tensor& rows) {
  return rows.device().is_cpu() && rows.scalar_type() == at::kFloat && rows.is_contiguous();
}

}  // namespace

at::Tensor row_products(const at::Tensor& rows, at::IntArrayRef chosen) {
  check_matrix("nst::row_products", rows);
  const int64_t height = rows.size(0), width = rows.size(1), count = static_cast<int64_t>(chosen.size());
  for (const auto row : chosen)
    TORCH_CHECK(row >= 0 && row < height, "nst::row_products: row ", row, " of ", height, " does not exist");
  if (!readable(rows)) {
    const auto indices = at::tensor(chosen, at::device(rows.device()).dtype(at::kLong));
    const auto products = at::mm(rows, rows.index_select(0, indices).t());
    return products.to(at::kCPU).to(at::kDouble).contiguous();  // in this order: MPS has no float64
  }
  const auto* first = rows.const_data_ptr<float>();
  const int64_t pieces = (width + kColumns - 1) / kColumns;
  auto partial = at::zeros({pieces, height, count}, at::kDouble);
  auto* sums = partial.mutable_data_ptr<double>();
  parallel_dynamic(width, kColumns, [&](int64_t from, int64_t end) {
    std::vector<const float*> others(count);
    for (int64_t i = 0; i < count; ++i) others[i] = first + chosen[i] * width + from;
    for (int64_t row = 0; row < height; ++row)
      kernels().row_products(first + row * width + from, others.data(), count, end - from,
                             sums + (from / kColumns * height + row) * count);
  });
  return partial.sum(0);
}

at::Tensor combine_rows(const at::Tensor& rows, const at::Tensor& factors) {
  check_matrix("nst::combine_rows", rows);
  const int64_t height = rows.size(0), width = rows.size(1);
  TORCH_CHECK(factors.dim() == 1 && factors.size(0) == height, "nst::combine_rows: there must be a factor for each of ",
              height, " rows, not of shape ", factors.sizes());
  TORCH_CHECK(factors.device().is_cpu(), "nst::combine_rows: factors must be on the CPU, not ", factors.device());
  const auto rounded = factors.to(rows.scalar_type()).contiguous();
  if (!readable(rows)) return at::mv(rows.t(), rounded.to(rows.device()));
  auto result = at::empty({width}, rows.options());
  const auto *first = rows.const_data_ptr<float>(), *f = rounded.const_data_ptr<float>();
  auto* out = result.mutable_data_ptr<float>();
  parallel_dynamic(width, kColumns, [&](int64_t from, int64_t end) {
    kernels().combine_rows(first + from, width, f, height, end - from, out + from);
  });
  return result;
}

}  // namespace nst::detail
