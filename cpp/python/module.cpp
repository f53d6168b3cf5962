// The Python module nst_core._C: the kernels, and what this build is. Operators are also under torch.ops.nst.
#include <ATen/ThreadLocalState.h>
#include <pybind11/functional.h>
#include <torch/extension.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "core/scratch.h"
#include "core/workspace.h"
#include "layers/conv_stack.h"
#include "nst/build_info.h"
#include "ops/gram.h"

namespace py = pybind11;

namespace {

py::dict build_info() {
  const auto info = nst::build_info();
  py::dict result;
  result["compiler"] = info.compiler;
  result["torch"] = info.torch;
  result["isa"] = info.isa;
  result["instruction_sets"] = info.instruction_sets;
  result["onednn"] = info.onednn;
  return result;
}

// Numbers of bytes from which on a block goes back to the system as soon as it is freed. glibc moves this limit up to
// what was freed last, and the maps of a large image then leave holes behind that nothing else fits into.
constexpr int kLargeBlock = 1 << 22;
// Bytes that may stay free at the end of the heap: smaller blocks, such as the gradient of an image of 512 pixels, come
// and go with every evaluation, and pages that are new each time cost more than what is computed in them.
constexpr int kKept = 1 << 25;

void return_large_blocks() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  mallopt(M_TRIM_THRESHOLD, kKept);
#endif
}

using Tensors = std::vector<at::Tensor>;
using OptionalTensors = std::vector<std::optional<at::Tensor>>;

Tensors or_undefined(const OptionalTensors& given) {
  Tensors result;
  for (const auto& tensor : given) result.push_back(tensor.value_or(at::Tensor()));
  return result;
}

std::shared_ptr<nst::detail::ConvStack> make_stack(const std::vector<int64_t>& kinds, const Tensors& weights,
                                                   const Tensors& biases, const std::vector<int64_t>& taps,
                                                   const OptionalTensors& projection_weights,
                                                   const OptionalTensors& projection_biases,
                                                   const std::vector<float>& mean, const std::vector<float>& std) {
  std::vector<nst::detail::LayerKind> layers;
  for (const auto kind : kinds) {
    TORCH_CHECK(kind >= 0 && kind <= static_cast<int64_t>(nst::detail::LayerKind::average_pool),
                "nst::ConvStack: there is no kind of layer ", kind);
    layers.push_back(static_cast<nst::detail::LayerKind>(kind));
  }
  return std::make_shared<nst::detail::ConvStack>(nst::detail::StackParts{
      layers, weights, biases, taps, or_undefined(projection_weights), or_undefined(projection_biases), mean, std});
}

// Zeros of float; in a file that nobody has written to yet there is nothing else.
at::Tensor zeros(const std::vector<int64_t>& sizes) {
  auto result = at::empty(sizes, at::kFloat);
  return nst::detail::is_in_file(result.const_data_ptr()) ? result : result.zero_();
}

using nst::detail::ConvStack;

std::pair<Tensors, ConvStack::Trace> traced(const ConvStack& stack, const at::Tensor& input) {
  const py::gil_scoped_release released;
  ConvStack::Trace trace;
  auto taps = stack.forward(input, &trace);
  return {std::move(taps), std::move(trace)};
}

std::optional<at::Tensor> pull_back(const ConvStack& stack, const ConvStack::Trace& trace,
                                    const std::function<std::optional<at::Tensor>(size_t)>& gradient_of) {
  const py::gil_scoped_release released;  // the function takes it for each of its calls
  // What it calls may build graphs, which the kernels do not want to.
  const at::ThreadLocalState outside;
  auto gradient = stack.backward(trace, [&](size_t tap) {
    const at::ThreadLocalStateGuard restored(outside);
    return gradient_of(tap).value_or(at::Tensor());
  });
  return gradient.defined() ? std::optional<at::Tensor>(std::move(gradient)) : std::nullopt;
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  module.doc() = "Native kernels of nst.";
  return_large_blocks();
  module.def("build_info", &build_info, "Compiler, torch version and instruction sets of this build.");
  module.def(
      "gram",
      [](const at::Tensor& feature, const std::optional<at::Tensor>& weight) {
        const at::AutoDispatchBelowAutograd no_graph;
        return nst::detail::gram(feature, weight);
      },
      py::arg("feature"), py::arg("weight") = py::none(),
      "Sum F F^T over positions: (B, N, H, W) to (B, N, N). Without a graph; torch.ops.nst.gram has one.");
  module.def(
      "release_workspace", [] { nst::detail::Workspace::shared().release(); },
      "Give back memory that is kept for the next evaluation.");
  module.attr("SCRATCH_ERROR") = nst::detail::kScratchError;
  using nst::detail::Scratch;
  py::class_<Scratch, std::shared_ptr<Scratch>>(module, "Scratch", "A folder for blocks of memory that are large.")
      .def(py::init<std::string, size_t>(), py::arg("folder"), py::arg("smallest"))
      .def_static("exchange", &Scratch::exchange, py::arg("next").none(true),
                  "Give this thread another scratch folder, or none; return the one that it had.")
      .def_static("limit_resident", &Scratch::limit_resident, py::arg("bytes"))
      .def_property_readonly("bytes", &Scratch::bytes, "Bytes in files now.")
      .def_property_readonly("peak", &Scratch::peak, "Most bytes that were in files at once.");
  module.def("zeros", &zeros, py::arg("sizes"), "Zeros of float32, which take no time where they are in a file.");
  py::class_<ConvStack::Trace>(module, "Trace", "What the way back through a stack needs to know of the way there.");
  py::class_<ConvStack, std::shared_ptr<ConvStack>>(module, "ConvStack",
                                                    "A frozen stack of convolutions, ReLUs and poolings.")
      .def(py::init(&make_stack), py::arg("kinds"), py::arg("weights"), py::arg("biases"), py::arg("taps"),
           py::arg("projection_weights"), py::arg("projection_biases"), py::arg("mean"), py::arg("std"))
      .def("__call__", &ConvStack::apply, py::arg("input"), py::call_guard<py::gil_scoped_release>(),
           "Outputs of the tapped layers, differentiable with respect to the input.")
      .def("traced", &traced, py::arg("input"), "Outputs of the tapped layers, without a graph, and a Trace.")
      .def("pull_back", &pull_back, py::arg("trace"), py::arg("gradient_of"),
           "Gradient of the input. Asks for that of each tap, or None, by its number, the last one first, when it is "
           "needed.");
}
