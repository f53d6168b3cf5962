#include <nst/errors.h>
#include <nst/extractor.h>
#include <torch/csrc/autograd/autograd.h>

#include <thread>

#include "testing.h"

namespace {

/// Compare features and the image gradient of their mean squares with what Python found.
void check(const nst::Extractor& extractor, const Tensors& table, const std::string& form, double allowed) {
  const auto image = table.at("image").clone().requires_grad_();
  const auto found = extractor(image);
  REQUIRE(found.size() == extractor.metadata().layers.size());
  std::vector<at::Tensor> squares;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto& expected = table.at(form + std::to_string(i));
    CHECK((found[i].scalar_type() == expected.scalar_type()));
    CHECK(difference(found[i].detach(), expected) < allowed);
    squares.push_back(found[i].to(at::kFloat).square().mean());
  }
  const auto gradient = torch::autograd::grad({at::stack(squares).sum()}, {image})[0];
  CHECK(difference(gradient, table.at(form + " gradient")) < allowed);
}

void check_both_forms(const std::string& file, const std::string& numbers, double allowed) {
  const auto table = tensors(numbers);
  const auto fast = nst::Extractor::load(fixture(file));
  check(fast, table, fast.native() ? "native" : "module", allowed);
  const auto module = nst::Extractor::load(fixture(file), nst::Execution::module);
  CHECK(!module.native());
  check(module, table, "module", allowed);
}

}  // namespace

TEST_SUITE_BEGIN("extractor");

TEST_CASE("features and image gradients are those of Python") {
  for (const std::string name : {"stack", "average", "plain"}) {
    CAPTURE(name);
    check_both_forms(name + "-fp32.ts", name + "-fp32-features.pt", 1e-5);
    check_both_forms(name + "-bf16.ts", name + "-bf16-features.pt", 1e-2);
  }
}

TEST_CASE("projections belong to the taps and not to the layers that follow") {
  CHECK(nst::Extractor::load(fixture("lite.ts")).native());
  check_both_forms("lite.ts", "lite-features.pt", 1e-4);
}

TEST_CASE("a stack runs on the kernels of the library, another network as TorchScript") {
  CHECK(nst::Extractor::load(fixture("stack-fp32.ts")).native());
  CHECK(!nst::Extractor::load(fixture("plain-fp32.ts")).native());
}

TEST_CASE("the metadata is what Python wrote") {
  const auto& metadata = nst::Extractor::load(fixture("stack-bf16.ts")).metadata();
  CHECK(metadata.extractor == "stack");
  CHECK(metadata.dtype == "bf16");
  CHECK(metadata.input == "RGB in [0,1], (B,3,H,W)");
  CHECK(metadata.smallest == 2);
  REQUIRE(metadata.layers.size() == 4);
  CHECK(metadata.layers[0].name == "conv2");
  CHECK(metadata.layers[0].channels == 32);
  CHECK(metadata.layers[0].stride == 2);
  CHECK(metadata.layers[0].receptive_field == 8);
  CHECK((metadata.content_layers == std::vector<std::string>{"conv2"}));
  CHECK((metadata.style_layers == std::vector<std::string>{"conv1", "conv2"}));
}

TEST_CASE("several threads may share an extractor") {
  const auto extractor = nst::Extractor::load(fixture("stack-fp32.ts"));
  const auto table = tensors("stack-fp32-features.pt");
  const auto gradient = [&] {
    const auto leaf = table.at("image").clone().requires_grad_();
    return torch::autograd::grad({extractor(leaf)[0].square().sum()}, {leaf})[0];
  };
  const auto alone = gradient();
  std::vector<double> worst(4, 1.0);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < worst.size(); ++i)
    threads.emplace_back([&, i] {
      worst[i] = difference(extractor(table.at("image"))[0], table.at("native0"));
      for (int again = 0; again < 5; ++again) worst[i] = std::max(worst[i], difference(gradient(), alone));
    });
  for (auto& thread : threads) thread.join();
  for (const auto each : worst) CHECK(each < 1e-5);
}

TEST_CASE("files that cannot be used are refused with the reason") {
  const auto refused = [](const std::string& name) {
    return message<nst::ExportError>([&] { nst::Extractor::load(fixture(name)); });
  };
  CHECK(has(message<nst::FileError>([] { nst::Extractor::load("none.ts"); }), "'none.ts' does not exist"));
  CHECK(has(message<nst::FileError>([] { nst::Extractor::load("."); }), "is a folder"));
  CHECK(has(refused("text.ts"), "cannot be loaded as TorchScript"));
  CHECK(has(refused("bare.ts"), "has no metadata (nst.json), so it was not made by nst export"));
  CHECK(has(refused("older.ts"), "it has form 1, but this library reads form 2"));
  CHECK(has(refused("newer.ts"), "it has form 3, but this library reads form 2"));
  CHECK(has(refused("garbled.ts"), "its metadata cannot be read"));
}

TEST_CASE("images that do not fit are refused with the reason") {
  const auto extractor = nst::Extractor::load(fixture("stack-fp32.ts"));
  const auto refused = [&](const at::Tensor& image) { return message<nst::ImageError>([&] { extractor(image); }); };
  CHECK(has(refused({}), "not be undefined"));
  CHECK(has(refused(at::zeros({3, 8, 8})), "(B, 3, H, W), not [3, 8, 8]"));
  CHECK(has(refused(at::zeros({1, 1, 8, 8})), "(B, 3, H, W)"));
  CHECK(has(refused(at::zeros({1, 3, 8, 8}, at::kByte)), "float32 or float64"));
  CHECK(has(refused(at::zeros({1, 3, 8, 1})), "has 1×8 pixels, but the extractor needs at least 2×2"));
}

TEST_CASE("an unknown layer is refused with the known ones") {
  const auto extractor = nst::Extractor::load(fixture("stack-fp32.ts"));
  CHECK(extractor.index("pool1") == 1);
  CHECK(
      has(message<nst::OptionError>([&] { extractor.index("conv9"); }), "'conv9'; it was exported with conv2, pool1"));
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("real");

TEST_CASE("VGG-19 has the features and image gradients of Python") {
  check_both_forms("vgg19.ts", "vgg19-features.pt", 1e-5);
}

TEST_SUITE_END();
