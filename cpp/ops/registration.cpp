#include "ops/registration.h"

#include <optional>

namespace nst::detail {
namespace {

torch::Library implementations(c10::DispatchKey key) { return {torch::Library::IMPL, "nst", key, __FILE__, __LINE__}; }

const bool registered = [] {
  // Never destroyed: operators outlive whatever else is static.
  static auto* const libraries = new Libraries{{torch::Library::FRAGMENT, "nst", std::nullopt, __FILE__, __LINE__},
                                               implementations(c10::DispatchKey::CPU),
                                               implementations(c10::DispatchKey::Meta),
                                               implementations(c10::DispatchKey::Autograd)};
  register_gram(*libraries);
  register_projected_gram(*libraries);
  register_rows(*libraries);
  register_squared_error(*libraries);
  return true;
}();

}  // namespace
}  // namespace nst::detail
