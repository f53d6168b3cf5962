// Whether a tensor may be written to because nobody else has it.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/workspace.h"

namespace nst::detail {

/// Whether `map` is a channels-last map in memory that nobody else refers to.
inline bool held_once(const at::Tensor& map) {
  return map.defined() && map.use_count() == 1 && map.storage().use_count() == 1 &&
         map.is_contiguous(at::MemoryFormat::ChannelsLast) && Workspace::is_plain(map.storage());
}

}  // namespace nst::detail
