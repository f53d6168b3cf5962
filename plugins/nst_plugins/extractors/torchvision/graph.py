"""The layers of a torchvision network by node name, and their receptive fields."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from nst_core import Tap

__all__ = ["ModelGraph", "analyze_model", "cut_at_nodes"]

# Sides of the images that strides are measured with; every network of torchvision accepts both.
_SIDES = (256, 512)
# Modules and functions whose every output depends on all positions.
_GLOBAL_MODULES = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.MultiheadAttention)
_GLOBAL_FUNCTIONS = (torch.nn.functional.adaptive_avg_pool2d, torch.flatten, torch.mean)


@dataclass(frozen=True)
class ModelGraph:
    """What is known of a network without its weights.

    Attributes:
        taps: the layers whose outputs are feature maps with a bounded receptive field, by name, from shallow to deep.
        nodes: name of each of these layers in torchvision's feature extraction.
        shapes: shapes of the network's floating-point tensors, by key.
        input_weight: key of the kernel that is applied to the image.
    """

    taps: dict[str, Tap]
    nodes: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    input_weight: str


def cut_at_nodes(model: nn.Module, nodes: Iterable[str]) -> fx.GraphModule:
    """Return the part of a model that computes some of its nodes, frozen, without in-place operations.

    Args:
        model: a network of torchvision in eval mode; its in-place modules are changed.
        nodes: node names as torchvision's ``get_graph_node_names`` returns them.

    Returns:
        A module from an image to a mapping from node names to outputs.
    """
    from torchvision.models.feature_extraction import create_feature_extractor

    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]
    cut: fx.GraphModule = create_feature_extractor(model, {node: node for node in nodes})
    for node in cut.graph.nodes:
        if node.op == "call_function" and node.target is operator.iadd:
            node.target = operator.add
        if node.op == "call_function" and node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
    cut.recompile()
    return cut.eval().requires_grad_(False)


def analyze_model(model: nn.Module) -> ModelGraph:
    """Determine the layers of a model on the meta device; nothing is computed."""
    from torchvision.models.feature_extraction import get_graph_node_names

    names = [name for name in get_graph_node_names(model)[1] if name != "x"]
    cut = cut_at_nodes(model, names)
    shapes = [_output_shapes(cut(torch.empty(1, 3, side, side, device="meta"))) for side in _SIDES]
    receptive_fields = _receptive_fields(cut)
    taps: dict[str, Tap] = {}
    nodes: dict[str, str] = {}
    for name in names:
        small, large = (by_name.get(name, ()) for by_name in shapes)
        receptive_field = receptive_fields.get(name)
        if receptive_field is None or len(small) != 4 or small[2] != small[3] or large[2] <= small[2]:
            continue
        stride = (_SIDES[1] - _SIDES[0]) / (large[2] - small[2])
        if not stride.is_integer():
            continue
        parts = name.split(".")
        # The name of a module means its last node, as in torchvision: `layer1` for `layer1.1.relu_1`.
        for alias in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
            taps.pop(alias, None)
            taps[alias] = Tap(small[1], int(stride), receptive_field)
            nodes[alias] = name
    tensors = {key: tuple(t.shape) for key, t in model.state_dict().items() if t.is_floating_point()}
    first = next(key for key, shape in tensors.items() if len(shape) == 4)
    return ModelGraph(taps, nodes, tensors, first)


def _output_shapes(outputs: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(output.shape) for name, output in outputs.items() if isinstance(output, Tensor)}


def _receptive_fields(cut: fx.GraphModule) -> dict[str, int | None]:
    """Compute every output's receptive field from the kernels and strides before it; ``None`` is the whole image."""
    geometry: dict[fx.Node, tuple[int | None, int]] = {}  # receptive field and stride
    outputs: dict[str, int | None] = {}
    modules = dict(cut.named_modules())
    for node in cut.graph.nodes:
        if node.op == "output":
            outputs = {name: geometry[value][0] for name, value in node.args[0].items()}
            continue
        inputs = [geometry[other] for other in node.all_input_nodes] or [(1, 1)]
        field = None if any(f is None for f, _ in inputs) else max(f for f, _ in inputs if f is not None)
        stride = max(s for _, s in inputs)
        if node.op == "call_module":
            field, stride = _after_module(modules[str(node.target)], field, stride)
        elif node.target in _GLOBAL_FUNCTIONS or "pool" in getattr(node.target, "__name__", ""):
            field = None  # also for a pooling of unknown kernel: a layer less is better than a wrong one
        geometry[node] = field, stride
    return outputs


def _after_module(module: nn.Module, field: int | None, stride: int) -> tuple[int | None, int]:
    """Return receptive field and stride after a module, whose submodules are taken as a chain."""
    for part in module.modules():
        if isinstance(part, _GLOBAL_MODULES):
            field = None
        elif isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            if field is not None:
                dilation = 1 if isinstance(part, nn.AvgPool2d) else _larger(part.dilation)
                field += (_larger(part.kernel_size) - 1) * dilation * stride
            stride *= _larger(part.stride)
    return field, stride


def _larger(size: Any) -> int:
    return int(max(size)) if isinstance(size, tuple) else int(size)
