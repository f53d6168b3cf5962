"""Whether native kernels compute what their Python references compute, in a few milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nst_core.ops.gram import gram_reference
from nst_core.ops.stack import ConvStack, ReferenceStack

__all__ = ["convolutions_fault", "gram_fault"]


def gram_fault(gram: Callable[[Tensor], Tensor]) -> str:
    """Compare Gram matrices; return "" or what is wrong.

    Args:
        gram: maps ``(B, N, H, W)`` to ``(B, N, N)``.
    """
    x = torch.rand(1, 64, 20, 30, generator=torch.Generator().manual_seed(0)) - 0.5
    x = x.contiguous(memory_format=torch.channels_last)
    expected = gram_reference(x)
    error = float((gram(x) - expected).norm() / expected.norm())
    return "" if error < 1e-5 else f"the kernel is off by {error:.1g}"


def convolutions_fault(run: Callable[[ConvStack], nn.Module]) -> str:
    """Compare the gradient of a small stack in float32 and bfloat16; return "" or what is wrong.

    Args:
        run: makes of a stack the module that computes it.
    """
    generator = torch.Generator().manual_seed(0)
    widths = ((64, 3), (64, 64))
    for dtype, limit in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        stack = ConvStack(
            kinds=("conv", "relu", "conv", "max-pool"),
            weights=tuple((torch.randn(*w, 3, 3, generator=generator) * 0.1).to(dtype) for w in widths),
            biases=tuple(torch.zeros(w[0], dtype=dtype) for w in widths),
            taps=(3,),
        )
        found = []
        for module in (run(stack), ReferenceStack(stack)):
            image = torch.rand(1, 3, 18, 22, generator=torch.Generator().manual_seed(1)).requires_grad_()
            with torch.enable_grad():
                (out,) = module(image)
                found.append(torch.autograd.grad(out.float().square().sum(), image)[0])
        error = float((found[0] - found[1]).norm() / found[1].norm())
        if not error < limit:
            return f"the kernels are off by {error:.1g} in {dtype}"
    return ""
