// What this build of the kernels is.
#pragma once

#include <string>
#include <vector>

#include "nst/visibility.h"

namespace nst {

struct BuildInfo {
  std::string compiler;                       ///< name and version
  std::string torch;                          ///< version of the headers it was compiled with
  std::string isa;                            ///< the instruction set whose kernels are in use
  std::vector<std::string> instruction_sets;  ///< all that this build has and this processor can run
  bool onednn;                                ///< whether bfloat16 convolutions go to oneDNN
};

NST_API BuildInfo build_info();

}  // namespace nst
