// What the processor has besides vectors.
#pragma once

namespace nst {

/// Whether oneDNN can multiply bfloat16 in tile registers (AMX) here.
bool has_amx();

}  // namespace nst
