// What an exported extractor says about itself.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nst {

/// A layer that the extractor returns.
struct Layer {
  std::string name;
  int64_t channels;         ///< nominal number N, the one that losses normalise by
  int64_t stride;           ///< pixels of the image per position
  int64_t receptive_field;  ///< side of the square of pixels that a position sees
};

/// What `nst export` wrote about the network, read from the entry nst.json of its file.
struct Metadata {
  std::string extractor;                    ///< name in Python, for example "vgg19"
  std::string input;                        ///< in words, how images go in
  std::string dtype;                        ///< "fp32" or "bf16", of parameters and feature maps
  int64_t smallest = 1;                     ///< least height and width of an image, in pixels
  std::vector<Layer> layers;                ///< in the order of the network's outputs
  std::vector<std::string> content_layers;  ///< those that the content loss looks at by default
  std::vector<std::string> style_layers;    ///< those that the style loss looks at by default
  std::map<std::string, double> layer_rms;  ///< scale of the original weights, see docs/embedding.md
  std::string source, license, sha256;      ///< of the weights; empty where unknown
  std::string nst_version, torch_version;   ///< of the Python that wrote the file
};

}  // namespace nst
