// nst_embed: paint a photograph in the manner of a painting, without Python.
//
//   nst export vgg19 -o vgg19.ts
//   nst_embed photo.jpg painting.jpg vgg19.ts out.png --size 512 --steps 200
#include <nst/nst.h>
#include <algorithm>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "pictures.h"

namespace {

constexpr const char* kUsage =
    "usage: nst_embed CONTENT STYLE EXTRACTOR OUTPUT.png [options]\n"
    "  CONTENT, STYLE      PNG or JPEG\n"
    "  EXTRACTOR           file of: nst export vgg19 -o vgg19.ts\n"
    "  --size N            longest side in pixels, default 512; never enlarges the photo\n"
    "  --steps N           evaluations, default 300\n"
    "  --content-weight X  default 10\n"
    "  --style-weight X    default 1e7\n"
    "  --optimizer NAME    lbfgs (default) or adam\n";

struct Arguments {
  std::vector<std::string> files;
  int64_t size = 512;
  nst::StylizerOptions options;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename Number>
Number parse(const std::string& name, const std::string& text, Number (*convert)(const std::string&, size_t*)) {
  size_t used = 0;
  try {
    const auto number = convert(text, &used);
    if (used == text.size()) return number;
  } catch (const std::logic_error&) {  // std::invalid_argument and std::out_of_range
  }
  throw UsageError(name + " needs a number, not '" + text + "'");
}

int64_t count(const std::string& name, const std::string& text) {
  const auto number =
      parse<int64_t>(name, text, [](const std::string& t, size_t* used) -> int64_t { return std::stoll(t, used); });
  if (number < 1) throw UsageError(name + " must be at least 1, not " + text);
  return number;
}

double weight(const std::string& name, const std::string& text) {
  return parse<double>(name, text, [](const std::string& t, size_t* used) { return std::stod(t, used); });
}

Arguments read_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      arguments.files.push_back(name);
      continue;
    }
    if (i + 1 == argc) throw UsageError(name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--size")
      arguments.size = count(name, value);
    else if (name == "--steps")
      arguments.options.steps = count(name, value);
    else if (name == "--content-weight")
      arguments.options.losses.content_weight = weight(name, value);
    else if (name == "--style-weight")
      arguments.options.losses.style_weight = weight(name, value);
    else if (name == "--optimizer" && value == "adam")
      arguments.options.optimizer = std::make_shared<nst::Adam>();
    else if (name != "--optimizer" || value != "lbfgs")
      throw UsageError("there is no " + name + " " + value);
  }
  if (arguments.files.size() != 4) throw UsageError("four files are needed");
  return arguments;
}

volatile std::sig_atomic_t interrupted = 0;

int stylize(const Arguments& arguments) {
  const auto& files = arguments.files;
  check_output(files[3]);
  const auto extractor = nst::Extractor::load(files[2]);
  const auto content = fit(read_picture(files[0]), arguments.size);
  // As in Python, a painting is as large as the picture, whatever the size of its file.
  const auto style = fit(read_picture(files[1]), std::max(content.size(2), content.size(3)), true);

  std::signal(SIGINT, [](int) { interrupted = 1; });
  const nst::Stylizer stylizer(extractor, content, style, arguments.options);
  const auto result = stylizer.run([](const nst::Step& step) {
    if (!step.note.empty()) std::fprintf(stderr, "\n%s\n", step.note.c_str());
    std::fprintf(stderr, "\rstep %ld/%ld  loss %.4g  best %.4g  %.1f s ", static_cast<long>(step.number),
                 static_cast<long>(step.steps), step.total, step.best, step.seconds);
    return !interrupted;
  });
  write_png(files[3], result.image);

  const auto evaluations = static_cast<double>(result.history.size());
  std::fprintf(stderr, "\n%s%.3f s per evaluation, loss %.4g to %.4g\n",
               result.stopped == nst::Stopped::cancelled ? "cancelled; this is the best image so far. " : "",
               result.seconds / evaluations, result.history.front(), result.total);
  std::printf("%s\n", files[3].c_str());
  return result.stopped == nst::Stopped::cancelled ? 130 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h"))) {
    std::printf("%s", kUsage);
    return 0;
  }
  try {
    return stylize(read_arguments(argc, argv));
  } catch (const UsageError& error) {
    std::fprintf(stderr, "error: %s\n%s", error.what(), kUsage);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 2;
}
