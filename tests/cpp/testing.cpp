#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "testing.h"

#include <torch/csrc/jit/serialization/pickle.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

std::filesystem::path fixture(const std::string& name) {
  const char* folder = std::getenv("NST_FIXTURES");
  REQUIRE_MESSAGE(folder, "NST_FIXTURES must name the folder that make_fixtures.py wrote");
  return std::filesystem::path(folder) / name;
}

Tensors tensors(const std::string& name) {
  std::ifstream file(fixture(name), std::ios::binary);
  REQUIRE_MESSAGE(file, name << " is missing");
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  Tensors table;
  for (const auto& entry : torch::jit::pickle_load(bytes).toGenericDict())
    table[entry.key().toStringRef()] = entry.value().toTensor();
  return table;
}

double difference(const at::Tensor& found, const at::Tensor& expected) {
  REQUIRE(found.sizes() == expected.sizes());
  const auto exact = expected.to(at::kDouble);
  return ((found.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
}
