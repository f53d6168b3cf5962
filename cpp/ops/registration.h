// The operators of torch.ops.nst, defined once in a process.
#pragma once

#include <torch/library.h>

namespace nst::detail {

/// Where operators are defined, and implemented for each of the dispatch keys.
struct Libraries {
  torch::Library schemas, cpu, meta, autograd;
};

void register_gram(Libraries& libraries);
void register_projected_gram(Libraries& libraries);
void register_rows(Libraries& libraries);
void register_squared_error(Libraries& libraries);

}  // namespace nst::detail
