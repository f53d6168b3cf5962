#include <nst/losses.h>
#include <torch/csrc/autograd/autograd.h>

#include "testing.h"

TEST_SUITE_BEGIN("losses");

TEST_CASE("Gram matrices are those of Python, in every dtype and layout") {
  const auto table = tensors("grams.pt");
  for (const auto number : {"0", "1", "2", "3"}) {
    CAPTURE(number);
    const auto& feature = table.at(std::string("feature") + number);
    const auto found = nst::averaged_gram(feature);
    const bool bf16 = feature.scalar_type() == at::kBFloat16;
    CHECK((found.scalar_type() == (feature.scalar_type() == at::kDouble ? at::kDouble : at::kFloat)));
    CHECK(difference(found, table.at(std::string("gram") + number)) < (bf16 ? 2e-3 : 2e-6));
    CHECK(difference(found, found.transpose(1, 2)) < 1e-6);
  }
}

namespace {

void check(const Tensors& table, const std::string& name, const std::function<at::Tensor(const at::Tensor&)>& loss) {
  CAPTURE(name);
  const auto leaf = table.at("feature").clone().requires_grad_();
  const auto found = loss(leaf);
  CHECK(found.dim() == 0);
  CHECK(difference(found.detach(), table.at(name)) < 1e-5);
  CHECK(difference(torch::autograd::grad({found}, {leaf})[0], table.at("gradient " + name)) < 1e-5);
}

}  // namespace

TEST_CASE("losses and their gradients are those of the plugins") {
  using nst::ContentReduction, nst::GramNormalization;
  const auto table = tensors("losses.pt");
  const auto& content = table.at("content");
  const auto style = nst::averaged_gram(table.at("style"));
  for (const auto& [name, reduction] :
       {std::pair("content-mean", ContentReduction::mean), std::pair("content-sum", ContentReduction::sum)})
    check(table, name, [&](const at::Tensor& f) { return nst::content_loss(f, content, 32, reduction); });
  for (const auto& [name, normalization] :
       {std::pair("style-mean", GramNormalization::mean), std::pair("style-gatys", GramNormalization::gatys),
        std::pair("style-relative", GramNormalization::relative)})
    check(table, name, [&](const at::Tensor& f) { return nst::style_loss(f, style, 32, normalization); });
}

TEST_CASE("a style without energy gives a finite relative loss") {
  const auto table = tensors("losses.pt");
  const auto nothing = at::zeros({1, 16, 16});
  const auto loss = nst::style_loss(table.at("feature"), nothing, 32, nst::GramNormalization::relative);
  CHECK(difference(loss, table.at("nothing relative")) < 1e-5);
}

TEST_SUITE_END();
