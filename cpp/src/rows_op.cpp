// The products and combinations of rows as operators of torch. They have no gradient: an optimizer needs none.
#include <ATen/Functions.h>
#include <torch/library.h>

#include "nst/rows.h"

namespace nst {
namespace {

at::Tensor products_meta(const at::Tensor& rows, at::IntArrayRef chosen) {
  return at::empty({rows.size(0), static_cast<int64_t>(chosen.size())}, rows.options().dtype(at::kDouble));
}

at::Tensor combine_meta(const at::Tensor& rows, const at::Tensor& /*factors*/) {
  return at::empty({rows.size(1)}, rows.options());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(nst, library) {
  library.def("row_products(Tensor rows, int[] chosen) -> Tensor");
  library.def("combine_rows(Tensor rows, Tensor factors) -> Tensor");
}

TORCH_LIBRARY_IMPL(nst, CPU, library) {
  library.impl("row_products", &row_products);
  library.impl("combine_rows", &combine_rows);
}

TORCH_LIBRARY_IMPL(nst, Meta, library) {
  library.impl("row_products", &products_meta);
  library.impl("combine_rows", &combine_meta);
}

}  // namespace nst
