#include "processor.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace nst {

bool has_amx() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24;
  return (d & kBf16) && (d & kTile);
#else
  return false;
#endif
}

}  // namespace nst
