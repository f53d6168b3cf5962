"""The layers of a torchvision network by node name, and what every one of them sees."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from nst_core import Tap

__all__ = ["Graph", "build", "graph_of"]

# Side of the images that strides are measured with; every network of torchvision takes both.
_SIDES = (256, 512)
# What looks at all positions at once.
_GLOBAL = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.MultiheadAttention)
_GLOBAL_CALLS = (torch.nn.functional.adaptive_avg_pool2d, torch.flatten, torch.mean)


@dataclass(frozen=True)
class Graph:
    """What is known of a network without its weights.

    Attributes:
        taps: the layers that are maps of the image and see a part of it only, from shallow to deep.
        nodes: the name that torchvision's feature extraction knows each of them by.
        shapes: of the network's floating-point tensors, by key.
        input_weight: key of the first kernel.
    """

    taps: dict[str, Tap]
    nodes: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    input_weight: str


def build(model: nn.Module, nodes: Iterable[str]) -> fx.GraphModule:
    """Cut a model to the nodes asked for, frozen, and without operations that overwrite what is tapped.

    Args:
        model: of torchvision, in eval mode.
        nodes: names as of torchvision's ``get_graph_node_names``.
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


def graph_of(model: nn.Module) -> Graph:
    """Find the layers of a model that lies on the meta device: nothing is computed."""
    from torchvision.models.feature_extraction import get_graph_node_names

    names = [name for name in get_graph_node_names(model)[1] if name != "x"]
    cut = build(model, names)
    sizes = [_shapes(cut(torch.empty(1, 3, side, side, device="meta"))) for side in _SIDES]
    fields = _fields(cut)
    taps: dict[str, Tap] = {}
    nodes: dict[str, str] = {}
    for name in names:
        small, large = (found.get(name, ()) for found in sizes)
        field = fields.get(name)
        if field is None or len(small) != 4 or small[2] != small[3] or large[2] <= small[2]:
            continue
        stride = (_SIDES[1] - _SIDES[0]) / (large[2] - small[2])
        if not stride.is_integer():
            continue
        parts = name.split(".")
        # A module's name means its last node, as in torchvision: `layer1` for `layer1.1.relu_1`.
        for alias in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
            taps.pop(alias, None)
            taps[alias] = Tap(small[1], int(stride), field)
            nodes[alias] = name
    tensors = {k: tuple(t.shape) for k, t in model.state_dict().items() if t.is_floating_point()}
    first = next(key for key, shape in tensors.items() if len(shape) == 4)
    return Graph(taps, nodes, tensors, first)


def _shapes(found: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in found.items() if isinstance(value, Tensor)}


def _fields(cut: fx.GraphModule) -> dict[str, int | None]:
    """Compute every output's receptive field from kernels and strides on the way to it; ``None`` for all pixels."""
    seen: dict[fx.Node, tuple[int | None, int]] = {}
    outputs: dict[str, int | None] = {}
    modules = dict(cut.named_modules())
    for node in cut.graph.nodes:
        if node.op == "output":
            outputs = {name: seen[value][0] for name, value in node.args[0].items()}
            continue
        before = [seen[other] for other in node.all_input_nodes] or [(1, 1)]
        field = None if any(f is None for f, _ in before) else max(f for f, _ in before if f is not None)
        stride = max(s for _, s in before)
        if node.op == "call_module":
            field, stride = _through(modules[str(node.target)], field, stride)
        elif node.target in _GLOBAL_CALLS or "pool" in getattr(node.target, "__name__", ""):
            field = None  # also a pooling whose kernel is not known here: rather no layer than a wrong one
        seen[node] = field, stride
    return outputs


def _through(module: nn.Module, field: int | None, stride: int) -> tuple[int | None, int]:
    """Return receptive field and stride after a module; one of several parts is taken as a chain of them."""
    for part in module.modules():
        if isinstance(part, _GLOBAL):
            field = None
        elif isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            if field is not None:
                dilation = 1 if isinstance(part, nn.AvgPool2d) else _one(part.dilation)
                field += (_one(part.kernel_size) - 1) * dilation * stride
            stride *= _one(part.stride)
    return field, stride


def _one(value: Any) -> int:
    return int(max(value)) if isinstance(value, tuple) else int(value)
