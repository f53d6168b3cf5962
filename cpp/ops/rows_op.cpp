// The inner products and combinations of rows as operators of torch. They have no gradient: an optimizer needs none.
#include <ATen/Functions.h>

#include "ops/registration.h"
#include "ops/rows.h"

namespace nst::detail {
namespace {

at::Tensor products_meta(const at::Tensor& rows, at::IntArrayRef chosen) {
  return at::empty({rows.size(0), static_cast<int64_t>(chosen.size())}, rows.options().dtype(at::kDouble));
}

at::Tensor combine_meta(const at::Tensor& rows, const at::Tensor& /*factors*/) {
  return at::empty({rows.size(1)}, rows.options());
}

}  // namespace

void register_rows(Libraries& libraries) {
  libraries.schemas.def("row_products(Tensor rows, int[] chosen) -> Tensor");
  libraries.schemas.def("combine_rows(Tensor rows, Tensor factors) -> Tensor");
  libraries.cpu.impl("row_products", &row_products);
  libraries.cpu.impl("combine_rows", &combine_rows);
  libraries.meta.impl("row_products", &products_meta);
  libraries.meta.impl("combine_rows", &combine_meta);
}

}  // namespace nst::detail
