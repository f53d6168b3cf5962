// The entry nst.json of an exported file: the metadata that users see, and how the network runs on our layers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layers/conv_stack.h"
#include "nst/metadata.h"

namespace nst::detail {

/// How the network runs on a ConvStack. The image is normalised by (image - mean) / std, in float32.
struct StackDescription {
  std::vector<LayerKind> kinds;
  std::vector<int64_t> taps;         ///< indices of layers, ascending
  std::vector<int64_t> order;        ///< which tap each returned layer is
  std::vector<float> mean, std;      ///< of red, green and blue
  std::vector<std::string> weights;  ///< names of the parameters, in the order of the convolutions
  std::vector<std::string> biases;
  std::vector<std::string> projection_weights;  ///< of the taps, in their order; empty for none
  std::vector<std::string> projection_biases;
};

struct Description {
  static constexpr int64_t kFormat = 2;              ///< the form that this library reads
  static constexpr const char* kEntry = "nst.json";  ///< name of the extra file in the archive

  Metadata metadata;
  std::optional<StackDescription> stack;  ///< none for a network that is not a stack
};

/// Read the text of nst.json.
///
/// Throws ExportError: not JSON, something is missing or of another type, or it has another form than kFormat.
Description parse_description(const std::string& json);

}  // namespace nst::detail
