"""A tiny seeded network with the interface of an extractor, for tests of logic."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points

import torch
from torch import Tensor, nn

from nst_core import Extractor, Register, Registry, Tap, hookimpl, load_registry
from nst_core.provenance import Origin

LAYERS = {"a": Tap(4, 1, 3), "b": Tap(6, 2, 8), "c": Tap(8, 4, 18)}


class _Net(nn.Module):
    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.layers = list(layers)
        self.convs = nn.ModuleDict()
        inputs = 3
        for name, tap in LAYERS.items():
            conv = nn.Conv2d(inputs, tap.channels, 3, padding=1)
            conv.weight.data = torch.randn(conv.weight.shape, generator=generator) / (inputs * 3)
            conv.bias.data = torch.randn(conv.bias.shape, generator=generator) * 0.1
            self.convs[name] = conv
            inputs = tap.channels
        self.requires_grad_(False)
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        x = (image - 0.5).to(self.convs["a"].weight.dtype) * 4
        found = {}
        for i, (name, conv) in enumerate(self.convs.items()):
            x = conv(nn.functional.max_pool2d(torch.relu(x), 2) if i else x)
            found[name] = x
        return [found[layer] for layer in self.layers]


class TinyExtractor(Extractor):
    """Three convolutions with random weights."""

    content_layers = ("b",)
    style_layers = ("a", "b", "c")

    def taps(self) -> Mapping[str, Tap]:
        return LAYERS

    def network(self, layers: Sequence[str]) -> nn.Module:
        return _Net(layers)


def plugin(**components: dict[str, type]) -> types.ModuleType:
    """A plugin module that registers ``kind=dict(name=cls)``, kinds in the plural."""
    module = types.ModuleType("made_plugin")
    for kind, named in components.items():

        def hook(register: Register, named: dict[str, type] = named) -> None:
            for name, cls in named.items():
                register(name, cls)

        function = types.FunctionType(hook.__code__, hook.__globals__, f"nst_register_{kind}", hook.__defaults__)
        setattr(module, f"nst_register_{kind}", hookimpl(function))
    return module


def tiny_registry(*others: tuple[str, types.ModuleType]) -> Registry:
    """The built-ins, the tiny extractor, and other plugins by name."""
    builtin = next(p for p in entry_points(group="nst") if p.name == "builtin")
    plugins = [
        (Origin("builtin", "nst", "0"), builtin),
        (Origin("tiny", "tiny", "0"), plugin(extractors={"tiny": TinyExtractor})),
        *((Origin(name, f"{name}-package", "1.2"), module) for name, module in others),
    ]
    return load_registry(plugins, {})


@hookimpl
def nst_register_extractors(register: Register) -> None:
    """This module is itself a plugin, see `install` in tests/installed.py."""
    register("tiny", TinyExtractor)
