#include "nst/build_info.h"

#include <ATen/Context.h>
#include <torch/headeronly/version.h>

#include "kernels/dispatch.h"

namespace nst {

namespace {

// Where torch has another ABI the module cannot be loaded; nst_core/ops/loading.py then finds this in the file.
constexpr char kPrefix[] = "nst was compiled for torch ";
[[gnu::used]] constexpr char kCompiledFor[] = "nst was compiled for torch " TORCH_VERSION;

}  // namespace

BuildInfo build_info() {
#if defined(__clang__)
  const std::string compiler = "clang " __clang_version__;
#else
  const std::string compiler = "gcc " __VERSION__;
#endif
  return {compiler, kCompiledFor + sizeof(kPrefix) - 1, detail::kernels().isa, detail::instruction_sets(),
          at::globalContext().hasMKLDNN()};
}

}  // namespace nst
