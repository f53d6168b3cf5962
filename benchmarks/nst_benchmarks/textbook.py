"""Style transfer as textbooks have it: float32, NCHW, autograd through every layer, torch's L-BFGS. The baseline."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_benchmarks.pair import Pair

__all__ = ["Textbook"]


def gram(feature: Tensor) -> Tensor:
    """F Fᵀ / (N M) of a map ``(1, N, H, W)``."""
    _, channels, height, width = feature.shape
    flat = feature.reshape(channels, height * width)
    return flat @ flat.T / (channels * height * width)


class Textbook:
    """The same objective as the framework's default: the same network, weights, layers, α and β."""

    def __init__(self, pair: Pair, device: str = "cpu") -> None:
        self.stack = pair.stack()
        self.mean, self.std = (
            torch.tensor(v, device=device).reshape(1, 3, 1, 1) for v in (self.stack.mean, self.stack.std)
        )
        self.parameters = [
            (w.to(device).contiguous(), b.to(device))
            for w, b in zip(self.stack.weights, self.stack.biases, strict=True)
        ]
        _, self.layers = pair.layers()
        content, style = pair.job("fp32").terms
        self.alpha, self.beta = content.weight, style.weight
        self.content_layers, self.style_layers = content.layers, style.layers
        self.start = pair.content.to(device)
        with torch.no_grad():
            found, painted = self.features(self.start), self.features(pair.style.to(device))
            self.contents = {layer: found[layer] for layer in self.content_layers}
            self.styles = {layer: gram(painted[layer]) for layer in self.style_layers}

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Run the network layer by layer."""
        x = (image - self.mean) / self.std
        parameters = iter(self.parameters)
        found = []
        for i, kind in enumerate(self.stack.kinds):
            if kind == "conv":
                x = F.conv2d(x, *next(parameters), padding=1)
            elif kind == "relu":
                x = F.relu(x)
            else:
                x = F.max_pool2d(x, 2)
            if i in self.stack.taps:
                found.append(x)
        return dict(zip(self.layers, found, strict=True))

    def loss(self, image: Tensor) -> Tensor:
        """α Σ mean (F_G - F_C)² + β Σ mean (A_G - A_S)²."""
        features = self.features(image)
        content = sum(F.mse_loss(features[layer], target) for layer, target in self.contents.items())
        style = sum(F.mse_loss(gram(features[layer]), target) for layer, target in self.styles.items())
        return torch.as_tensor(self.alpha * content + self.beta * style)

    def evaluate(self) -> Tensor:
        """Evaluate loss and gradient at the first image."""
        image = self.start.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.loss(image), image)
        return gradient

    def stepper(self) -> Callable[[], Tensor]:
        """Return what makes one evaluation and one step of torch's L-BFGS, from the content image on.

        It returns the loss before the step.
        """
        image = self.start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([image], max_iter=1)
        closure = self._closure(image, optimizer)
        return lambda: optimizer.step(closure).detach()  # type: ignore[no-untyped-call]

    def _closure(self, image: Tensor, optimizer: torch.optim.LBFGS) -> Callable[[], Tensor]:
        """Return what an optimizer of torch calls for every evaluation: clamp, loss, gradient."""

        def closure() -> Tensor:
            with torch.no_grad():
                image.clamp_(0, 1)
            optimizer.zero_grad()
            loss = self.loss(image)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        return closure

    def optimize(self, evaluations: int, watch: Callable[[int, float, float], None], fill: bool = False) -> Tensor:
        """Run torch's L-BFGS as it comes, clamping to [0, 1] before every evaluation, as tutorials do.

        ``watch`` is told number, loss and seconds of every evaluation. ``fill`` fills the memory of the optimizer
        first, by steps on a function that costs nothing.
        """
        image = self.start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([image], max_eval=evaluations)
        count, began = 0, time.perf_counter()

        evaluate = self._closure(image, optimizer)

        def closure() -> Tensor:
            nonlocal count
            loss = evaluate()
            count += 1
            watch(count, float(loss.detach()), time.perf_counter() - began)
            return loss

        if fill:
            _fill(optimizer, image)
        while count < evaluations:
            before = count
            optimizer.param_groups[0]["max_iter"] = evaluations - count
            optimizer.step(closure)  # type: ignore[no-untyped-call]
            if count == before:
                break
        return image.detach().clamp(0, 1)


def _fill(optimizer: torch.optim.LBFGS, image: Tensor) -> None:
    """Step down an uneven quadratic until the optimizer remembers as many steps as it ever will."""
    curvature = torch.linspace(1.0, 1000.0, image.numel()).reshape(image.shape)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = 0.5 * (curvature * image.square()).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    group, state = optimizer.param_groups[0], optimizer.state[image]
    group["max_iter"] = 1
    while len(state.get("old_dirs", ())) < group["history_size"]:
        known = len(state.get("old_dirs", ()))
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        if state["n_iter"] > 1 and len(state["old_dirs"]) == known:
            raise RuntimeError(f"the quadratic gave torch's L-BFGS only {known} steps to remember")
