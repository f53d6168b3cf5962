#include "nst/extractor.h"

#include <torch/csrc/jit/serialization/import.h>
#include <torch/script.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include "layers/conv_stack.h"
#include "library/description.h"
#include "nst/errors.h"

namespace nst {

struct Extractor::Loaded {
  detail::Description description;
  at::Device device;
  torch::jit::Module module;
  std::shared_ptr<const detail::ConvStack> stack;  // null: run the module
};

namespace {

// The first sentence of what torch says, without the trace of its own functions.
std::string reason(const std::exception& error) {
  const auto* known = dynamic_cast<const c10::Error*>(&error);
  const std::string text = known ? known->what_without_backtrace() : error.what();
  return known ? text.substr(0, std::min(text.find('\n'), text.find(". "))) : text;
}

std::shared_ptr<const detail::ConvStack> make_stack(const torch::jit::Module& module,
                                                    const detail::StackDescription& description) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& attribute : module.named_attributes())
    if (attribute.value.isTensor()) tensors[attribute.name] = attribute.value.toTensor();
  const auto named = [&](const std::vector<std::string>& names) {
    std::vector<at::Tensor> found;
    for (const auto& name : names) {
      if (!tensors.count(name))
        throw ExportError("its metadata names a parameter that it does not have, '" + name + "'");
      found.push_back(tensors[name]);
    }
    return found;
  };
  return std::make_shared<detail::ConvStack>(
      detail::StackParts{.kinds = description.kinds,
                         .weights = named(description.weights),
                         .biases = named(description.biases),
                         .taps = description.taps,
                         .projection_weights = named(description.projection_weights),
                         .projection_biases = named(description.projection_biases),
                         .mean = description.mean,
                         .std = description.std});
}

}  // namespace

Extractor Extractor::load(const std::filesystem::path& file, Execution execution, at::Device device) {
  const auto name = c10::str("'", file.string(), "'");
  std::error_code code;
  if (!std::filesystem::exists(file, code))
    throw FileError("the extractor " + name + " does not exist; make it with: nst export vgg19 -o " + file.string());
  if (std::filesystem::is_directory(file, code))
    throw FileError(name + " is a folder; name a file of nst export in it");
  if (!std::ifstream(file, std::ios::binary)) throw FileError(name + " cannot be read; do you have the permission?");
  torch::jit::ExtraFilesMap extra{{detail::Description::kEntry, ""}};
  auto loaded = std::make_shared<Loaded>(Loaded{{}, device, {}, {}});
  try {
    loaded->module = torch::jit::load(file.string(), device, extra);
  } catch (const std::exception& error) {
    throw ExportError(name + " cannot be loaded as TorchScript; write it with nst export --format torchscript (" +
                      reason(error) + ")");
  }
  if (extra[detail::Description::kEntry].empty())
    throw ExportError(name + " has no metadata (" + detail::Description::kEntry +
                      "), so it was not made by nst export");
  try {
    loaded->description = detail::parse_description(extra[detail::Description::kEntry]);
    loaded->module.eval();
    const auto& stack = loaded->description.stack;
    if (stack && execution == Execution::automatic && device.is_cpu()) {
      loaded->stack = make_stack(loaded->module, *stack);
    }
  } catch (const std::exception& error) {
    throw ExportError(name + " cannot be used: " + reason(error));
  }
  return Extractor(std::move(loaded));
}

const Metadata& Extractor::metadata() const& { return loaded_->description.metadata; }

Metadata Extractor::metadata() && { return loaded_->description.metadata; }

bool Extractor::native() const { return loaded_->stack != nullptr; }

at::Device Extractor::device() const { return loaded_->device; }

std::vector<at::Tensor> Extractor::operator()(const at::Tensor& images) const {
  if (!images.defined() || images.dim() != 4 || images.size(1) != 3)
    throw ImageError("images must have the shape (B, 3, H, W)" +
                     (images.defined() ? ", not " + c10::str(images.sizes()) : std::string(", not be undefined")));
  if (images.scalar_type() != at::kFloat && images.scalar_type() != at::kDouble)
    throw ImageError(c10::str("images must be float32 or float64 in [0, 1], not ", images.scalar_type()));
  if (images.device() != device())
    throw ImageError(c10::str("images are on ", images.device(), ", but the extractor is on ", device()));
  const auto least = metadata().smallest;
  if (images.size(2) < least || images.size(3) < least)
    throw ImageError(c10::str("the image has ", images.size(3), "×", images.size(2),
                              " pixels, but the extractor needs at ", "least ", least, "×", least,
                              "; use a larger image, or export shallower layers"));
  if (!native()) return loaded_->module.forward({images}).toTensorVector();
  const auto taps = detail::ConvStack::apply(loaded_->stack, images);
  std::vector<at::Tensor> found;
  for (const auto tap : loaded_->description.stack->order) found.push_back(taps[tap]);
  return found;
}

size_t Extractor::index(const std::string& layer) const {
  std::string names;
  for (size_t i = 0; i < metadata().layers.size(); ++i) {
    const auto& name = metadata().layers[i].name;
    if (name == layer) return i;
    names += (i ? ", " : "") + name;
  }
  throw OptionError("the extractor has no layer '" + layer + "'; it was exported with " + names);
}

}  // namespace nst
