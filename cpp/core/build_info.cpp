#include "nst/build_info.h"

#include <ATen/Context.h>
#include <torch/headeronly/version.h>

#include "kernels/dispatch.h"

namespace nst {

BuildInfo build_info() {
#if defined(__clang__)
  const std::string compiler = "clang " __clang_version__;
#else
  const std::string compiler = "gcc " __VERSION__;
#endif
  return {compiler, TORCH_VERSION, detail::kernels().isa, detail::instruction_sets(), at::globalContext().hasMKLDNN()};
}

}  // namespace nst
