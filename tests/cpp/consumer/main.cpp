// Load an extractor, say what it is, and improve an image for a few steps.
#include <ATen/ATen.h>
#include <nst/nst.h>

#include <cstdio>

int main(int argc, char** argv) {
  try {
    const auto extractor = nst::Extractor::load(argc > 1 ? argv[1] : "");
    for (const auto& layer : extractor.metadata().layers) std::printf("%s\n", layer.name.c_str());
    nst::StylizerOptions options;
    options.steps = 5;
    const auto content = at::rand({1, 3, 32, 48}), style = at::rand({1, 3, 40, 40});
    const auto result = nst::Stylizer(extractor, content, style, options).run();
    std::printf("%zu evaluations, %s\n", result.history.size(), result.total < result.history[0] ? "better" : "worse");
  } catch (const nst::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
