#include "kernels/dispatch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace nst::detail {
namespace {

#if !defined(__GNUC__)  // clang defines it too
#error "the kernels use the vector extensions of gcc and clang"
#endif

namespace generic {
#define NST_LANES 4
#include "kernels/table.inc"
#undef NST_LANES
}  // namespace generic

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {
#define NST_LANES 8
#include "kernels/table.inc"
#undef NST_LANES
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")
#endif
namespace avx512 {
#define NST_LANES 16
#include "kernels/table.inc"
#undef NST_LANES
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,prefer-vector-width=512")
#endif
namespace avx512_bf16 {
#define NST_LANES 16
#define NST_BF16
#include "kernels/table.inc"
#undef NST_BF16
#undef NST_LANES
}  // namespace avx512_bf16
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__

#if defined(__x86_64__)
// Whether the processor multiplies bfloat16 in tile registers; older compilers do not know to ask.
bool has_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kBf16) && (d & kTile);
}
#endif

std::vector<const KernelTable*> found() {
  std::vector<const KernelTable*> all;
#if defined(__x86_64__)
  // Where there are tile registers, oneDNN multiplies bfloat16 faster than our kernels: only those for float are used.
  static constexpr auto amx = avx512::table("amx"), bf16 = avx512_bf16::table("avx512_bf16"),
                        full = avx512::table("avx512"), middle = avx2::table("avx2");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    if (has_amx()) all.push_back(&amx);
    if (__builtin_cpu_supports("avx512bf16")) all.push_back(&bf16);
    all.push_back(&full);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) all.push_back(&middle);
#endif
  static constexpr auto least = generic::table("generic");
  all.push_back(&least);
  return all;
}

}  // namespace

const KernelTable& kernels() {
  static const KernelTable* chosen = [] {
    const char* wanted = std::getenv("NST_ISA");
    const auto all = found();
    if (!wanted || !*wanted) return all[0];
    for (const auto* each : all)
      if (std::string(wanted) == each->isa) return each;
    std::string names;
    for (const auto* each : all) names += std::string(names.empty() ? "" : ", ") + each->isa;
    throw std::runtime_error("NST_ISA names '" + std::string(wanted) + "', but this processor has " + names);
  }();
  return *chosen;
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const auto* each : found()) names.emplace_back(each->isa);
  return names;
}

}  // namespace nst::detail
