#include "library/description.h"

#include <nlohmann/json.hpp>

#include "nst/errors.h"

namespace nst::detail {
namespace {

using Json = nlohmann::json;

LayerKind kind_named(const std::string& name) {
  static const std::map<std::string, LayerKind> kinds = {{"conv", LayerKind::convolution},
                                                         {"relu", LayerKind::relu},
                                                         {"max-pool", LayerKind::max_pool},
                                                         {"average-pool", LayerKind::average_pool}};
  const auto found = kinds.find(name);
  if (found == kinds.end()) throw ExportError("its metadata names an unknown kind of layer, '" + name + "'");
  return found->second;
}

template <typename T>
std::vector<T> list(const Json& json, const char* key) {
  return json.at(key).get<std::vector<T>>();
}

StackDescription read_stack(const Json& json) {
  StackDescription stack{.kinds = {},
                         .taps = list<int64_t>(json, "taps"),
                         .order = list<int64_t>(json, "order"),
                         .mean = list<float>(json, "mean"),
                         .std = list<float>(json, "std"),
                         .weights = list<std::string>(json, "weights"),
                         .biases = list<std::string>(json, "biases"),
                         .projection_weights = list<std::string>(json, "head_weights"),
                         .projection_biases = list<std::string>(json, "head_biases")};
  for (const auto& kind : list<std::string>(json, "kinds")) stack.kinds.push_back(kind_named(kind));
  for (const auto tap : stack.order)
    if (tap < 0 || tap >= static_cast<int64_t>(stack.taps.size()))
      throw ExportError("its metadata names a tap that does not exist");
  return stack;
}

Description read(const Json& json) {
  const auto format = json.at("format").get<int64_t>();
  if (format != Description::kFormat)
    throw ExportError("it has form " + std::to_string(format) + ", but this library reads form " +
                      std::to_string(Description::kFormat) +
                      "; export the extractor again with the nst of this version");
  Description description;
  auto& data = description.metadata;
  json.at("extractor").get_to(data.extractor);
  json.at("input").get_to(data.input);
  json.at("dtype").get_to(data.dtype);
  json.at("smallest").get_to(data.smallest);
  for (const auto& layer : json.at("layers"))
    data.layers.push_back({layer.at("name").get<std::string>(), layer.at("channels").get<int64_t>(),
                           layer.at("stride").get<int64_t>(), layer.at("receptive_field").get<int64_t>()});
  data.content_layers = list<std::string>(json, "content_layers");
  data.style_layers = list<std::string>(json, "style_layers");
  json.at("layer_rms").get_to(data.layer_rms);
  const auto& weights = json.at("weights");
  weights.at("source").get_to(data.source);
  weights.at("license").get_to(data.license);
  weights.at("sha256").get_to(data.sha256);
  const auto& versions = json.at("versions");
  versions.at("nst").get_to(data.nst_version);
  versions.at("torch").get_to(data.torch_version);
  if (const auto& stack = json.at("stack"); !stack.is_null()) {
    description.stack = read_stack(stack);
    if (description.stack->order.size() != data.layers.size())
      throw ExportError("its metadata describes another number of outputs than of layers");
  }
  return description;
}

}  // namespace

Description parse_description(const std::string& json) {
  try {
    return read(Json::parse(json));
  } catch (const Json::exception& error) {
    const std::string text = error.what();  // begins with an identifier in brackets
    const auto end = text.find("] ");
    throw ExportError("its metadata cannot be read: " + (end == std::string::npos ? text : text.substr(end + 2)));
  }
}

}  // namespace nst::detail
