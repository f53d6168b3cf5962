"""A function of tensors in every form that torch compiles it to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from nst_core.export import torchscript

__all__ = ["check_compiled_forms"]


class _Module(torch.nn.Module):
    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def check_compiled_forms(function: Callable[..., Tensor], inputs: tuple[Tensor, ...], folder: Path) -> None:
    """Compare value and gradient of the first input: torch.jit.script, also saved, torch.export, torch.compile."""
    scripted = torchscript.script(function)
    torchscript.save(scripted, folder / "function.ts", {})
    loaded, _ = torchscript.load(folder / "function.ts")
    forms = {
        "torch.jit.script": scripted,
        "a saved script": loaded,
        "torch.export": torch.export.export(_Module(function), inputs).module(),
        "torch.compile": torch.compile(function, backend="aot_eager", fullgraph=True),
    }
    value, gradient = _evaluate(function, inputs)
    for name, form in forms.items():
        found, found_gradient = _evaluate(form, inputs)
        torch.testing.assert_close(found, value, msg=lambda text, name=name: f"{name}: {text}")
        torch.testing.assert_close(found_gradient, gradient, msg=lambda text, name=name: f"{name}: {text}")


def _evaluate(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    leaf = inputs[0].detach().clone().requires_grad_()
    value = function(leaf, *inputs[1:])
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient
