#include "ops/registration.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace nst::detail {
namespace {

// The operators of one file, by the first that it defines.
struct Family {
  const char* first;
  void (*define)(Libraries&);
};

constexpr Family kFamilies[] = {{"nst::gram", &register_gram},
                                {"nst::projected_gram", &register_projected_gram},
                                {"nst::row_products", &register_rows},
                                {"nst::squared_error", &register_squared_error}};

torch::Library implementations(c10::DispatchKey key) { return {torch::Library::IMPL, "nst", key, __FILE__, __LINE__}; }

// The module nst_core._C and libnst are both made of this file, and a process may load both: torch's dispatcher, of
// which there is one, would refuse the second definition. So whichever is loaded first defines the operators, and the
// other one calls them through the dispatcher like anybody else. The dynamic linker loads one library at a time, so
// asking first is safe.
const bool registered = [] {
  // Never destroyed: operators outlive whatever else is static, and neither library is ever unloaded.
  static auto* const libraries = new Libraries{{torch::Library::FRAGMENT, "nst", std::nullopt, __FILE__, __LINE__},
                                               implementations(c10::DispatchKey::CPU),
                                               implementations(c10::DispatchKey::Meta),
                                               implementations(c10::DispatchKey::Autograd)};
  for (const auto& family : kFamilies)
    if (!c10::Dispatcher::singleton().findSchema({family.first, ""})) family.define(*libraries);
  return true;
}();

}  // namespace
}  // namespace nst::detail
