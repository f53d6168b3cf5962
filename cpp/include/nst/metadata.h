// What an exported extractor says about itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nst/conv_stack.h"

namespace nst {

/// A layer that the extractor returns.
struct Layer {
  std::string name;
  int64_t channels;         ///< nominal number N, the one that losses normalise by
  int64_t stride;           ///< pixels of the image per position
  int64_t receptive_field;  ///< side of the square of pixels that a position sees
};

/// How the network runs on a ConvStack. The image is normalised by (image - mean) / std, in float32.
struct StackDescription {
  std::vector<LayerKind> kinds;
  std::vector<int64_t> taps;           ///< indices of layers, ascending
  std::vector<int64_t> order;          ///< which tap each returned layer is
  std::vector<float> mean, std;        ///< of red, green and blue
  std::vector<std::string> weights;    ///< names of the parameters, in the order of the convolutions
  std::vector<std::string> biases;
  std::vector<std::string> head_weights;  ///< of the map that each tap goes through, in their order; empty for none
  std::vector<std::string> head_biases;
};

/// The entry nst.json of an exported file; `nst export` writes it.
struct Metadata {
  static constexpr int64_t kFormat = 2;           ///< the form that this library reads
  static constexpr const char* kName = "nst.json";  ///< of the extra file in the archive

  std::string extractor;                       ///< name in Python, for example "vgg19"
  std::string input;                           ///< in words, how images go in
  std::string dtype;                           ///< "fp32" or "bf16", of parameters and feature maps
  int64_t smallest = 1;                        ///< least height and width of an image, in pixels
  std::vector<Layer> layers;                   ///< in the order of the network's outputs
  std::vector<std::string> content_layers;     ///< those that the content loss looks at by default
  std::vector<std::string> style_layers;       ///< likewise the style loss
  std::map<std::string, double> layer_rms;     ///< scale of the original weights, see docs/embedding.md
  std::string source, license, sha256;         ///< of the weights; empty where unknown
  std::string nst_version, torch_version;      ///< of the Python that wrote the file
  std::optional<StackDescription> stack;       ///< none for a network that is not a stack
};

/// Read the text of nst.json.
///
/// Throws ExportError: not JSON, something is missing or of another type, or it has another form than kFormat.
Metadata parse_metadata(const std::string& json);

}  // namespace nst
