"""Laws of an :class:`nst_core.Extractor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nst_core.components import Extractor
from nst_core.export import torchscript
from nst_core.objective.tiling import Tiling
from nst_core.testing.check import NotApplicable, close, require
from nst_core.testing.samples import image

__all__ = ["LAWS"]

_SMALLEST_SIDE = 32


def _chosen(extractor: Extractor) -> list[str]:
    """Return the shallowest layer and those of the presets, or, without presets, a middle and the deepest layer."""
    names = list(extractor.taps())
    others = {*extractor.content_layers, *extractor.style_layers} or {names[len(names) // 2], names[-1]}
    return [name for name in names if name in others or name == names[0]]


def _side(extractor: Extractor, layers: Sequence[str]) -> int:
    """Return the side of an image in pixels, a multiple of all strides."""
    return max(_SMALLEST_SIDE, 2 * max(extractor.taps()[layer].stride for layer in layers))


def names_its_layers(extractor: Extractor) -> None:
    """Layers have names and sensible geometry, and the presets' layers are among them."""
    taps = extractor.taps()
    require(taps, "it has no layers")
    for name, tap in taps.items():
        require(name and not set(name) & set(",=+ "), f"'{name}' cannot be written on the command line")
        sizes = (tap.channels, tap.stride, tap.receptive_field)
        require(min(sizes) >= 1, f"{name}: channels, stride and receptive field are {sizes}")
    for role, layers in (("content", extractor.content_layers), ("style", extractor.style_layers)):
        missing = [layer for layer in layers if layer not in taps]
        require(not missing, f"its {role} layers {missing} do not exist")


def gives_the_layers_in_order(extractor: Extractor) -> None:
    """The network returns one feature map for every layer, in order, with one position every stride pixels."""
    layers = _chosen(extractor)
    side = _side(extractor, layers)
    picture, longer = (image(side + more, side, dtype=torch.float32) for more in (0, 2 * side))
    with torch.no_grad():
        forward, backward = (extractor.build(order)(picture) for order in (layers, layers[::-1]))
        tall = extractor.build(layers)(longer)
    require(isinstance(forward, list), f"the network returns a {type(forward).__name__}, not a list")
    require(len(forward) == len(layers), f"for {len(layers)} layers the network returns {len(forward)} feature maps")
    for layer, one, other, more in zip(layers, forward, backward[::-1], tall, strict=True):
        require(one.dim() == 4 and one.shape[0] == 1, f"{layer} has the shape {tuple(one.shape)}")
        require(torch.isfinite(one).all(), f"{layer} is not finite")
        require(torch.equal(one, other), f"{layer} depends on the order of the layers")
        stride = 2 * side / max(1, more.shape[-2] - one.shape[-2])
        declared = extractor.taps()[layer].stride
        require(stride == declared, f"{layer} has a position every {stride:g} pixels, not every {declared}")
        require(one.shape[1] == more.shape[1], f"{layer} has a number of channels that depends on the size")


def sees_what_it_declares(extractor: Extractor) -> None:
    """A position depends on no pixel outside its declared receptive field, and on at least half of its width."""
    for layer in _chosen(extractor):
        tap = extractor.taps()[layer]
        side = tap.receptive_field + 3 * tap.stride
        side += -side % (2 * tap.stride)
        network = extractor.build([layer]).double()
        seen = torch.zeros(side, side, dtype=torch.bool)
        for seed in (0, 1):
            leaf = image(side, side, seed).requires_grad_()
            (found,) = network(leaf)
            position = found[0, :, found.shape[-2] // 2, found.shape[-1] // 2]
            signs = torch.randn(position.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            (gradient,) = torch.autograd.grad((position * signs).sum(), leaf)
            seen |= (gradient[0] != 0).any(dim=0)
            extent = max(_extent(seen.any(dim=0)), _extent(seen.any(dim=1)))
            if extent >= tap.receptive_field:  # a second image could not show more
                break
        declared = tap.receptive_field
        require(extent <= declared, f"a position of {layer} depends on {extent} pixels, but {declared} are declared")
        require(2 * extent >= declared, f"a position of {layer} depends on only {extent} of {declared} declared pixels")


def _extent(seen: Tensor) -> int:
    found = seen.nonzero()
    return int(found.max() - found.min()) + 1 if len(found) else 0


def is_the_same_in_tiles(extractor: Extractor) -> None:
    """Inside the margin that its declared geometry requires, a tile has the features of the whole image."""
    for layer in _chosen(extractor):
        tap = extractor.taps()[layer]
        tiling = Tiling.of([tap])
        side = 2 * tiling.halo + 3 * tiling.stride - tap.stride
        picture, network = image(side, side, dtype=torch.float32), extractor.build([layer])
        tiles = replace(tiling, max_pixels=tiling.min_pixels).tiles(side, side)
        with torch.no_grad():
            (whole,) = network(picture)
            for tile in (tiles[0], tiles[len(tiles) // 2], tiles[-1]):
                (found,) = network(tile.cut(picture))
                own, expected = tile.interior(found, tap.stride), tile.place(whole, tap.stride)
                require(
                    own.shape == expected.shape,
                    f"a tile of {layer} has {own.shape[-1]} positions across, "
                    f"its place in the whole map {expected.shape[-1]}",
                )
                close(own, expected, f"{layer} in tiles and as a whole", 1e-3)


def is_frozen(extractor: Extractor) -> None:
    """It is in eval mode, its parameters do not require gradients, and a gradient reaches the image."""
    layers = _chosen(extractor)
    network = extractor.build(layers)
    training = [name or "the network" for name, module in network.named_modules() if module.training]
    require(not training, f"in training mode: {', '.join(training[:4])}")
    trainable = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    require(not trainable, f"these parameters require gradients: {', '.join(trainable[:4])}")
    side = _side(extractor, layers)
    leaf = image(side, side, dtype=torch.float32).requires_grad_()
    for layer, found in zip(layers, network(leaf), strict=True):
        (gradient,) = torch.autograd.grad(found.square().sum(), leaf, retain_graph=True)
        require(torch.isfinite(gradient).all(), f"the gradient from {layer} is not finite")
        require(gradient.abs().max() > 0, f"no gradient reaches the image from {layer}")


def repeats_itself(extractor: Extractor) -> None:
    """The same image gives the same bits every time, from the same network or another, and is not changed."""
    layers = _chosen(extractor)
    side = _side(extractor, layers)
    picture = image(side, side, dtype=torch.float32)
    network, other = extractor.build(layers), extractor.build(layers)
    copy, before = picture.clone(), torch.get_rng_state()
    with torch.no_grad():
        first, second, third = network(picture), network(picture), other(picture)
    require(torch.equal(before, torch.get_rng_state()), "it uses torch's global random generator")
    require(torch.equal(picture, copy), "the image was changed in place")
    for layer, *maps in zip(layers, first, second, third, strict=True):
        require(all(torch.equal(maps[0], again) for again in maps[1:]), f"{layer} is not the same every time")


def keeps_a_batch_apart(extractor: Extractor) -> None:
    """The feature maps of a batch are those of its images computed one by one."""
    layers = _chosen(extractor)
    side = _side(extractor, layers)
    pictures, network = image(side, side, batch=2, dtype=torch.float32), extractor.build(layers)
    with torch.no_grad():
        both, one, two = network(pictures), network(pictures[:1]), network(pictures[1:])
    for layer, together, first, second in zip(layers, both, one, two, strict=True):
        close(together, torch.cat([first, second]), f"{layer} of a batch and one by one", 1e-4)


def takes_every_precision(extractor: Extractor) -> None:
    """Converted to bfloat16 or float64, it returns feature maps of that dtype, close to those in float32."""
    layers = _chosen(extractor)
    side = _side(extractor, layers)
    picture = image(side, side, dtype=torch.float32)
    with torch.no_grad():
        plain = extractor.build(layers)(picture)
        for dtype, tolerance in ((torch.bfloat16, 0.1), (torch.float64, 1e-3)):
            found = extractor.build(layers).to(dtype)(picture)
            for layer, one, other in zip(layers, found, plain, strict=True):
                require(one.dtype == dtype, f"in {dtype} {layer} is {one.dtype}")
                close(one, other, f"{layer} in {dtype} and float32", tolerance)


def is_scriptable_or_says_not(extractor: Extractor) -> None:
    """TorchScript compiles the network without changing its numbers, or ``scriptable`` is false."""
    if not extractor.scriptable:
        raise NotApplicable("scriptable is false: it cannot be exported for C++")
    layers = _chosen(extractor)
    side = _side(extractor, layers)
    picture, network = image(side, side, dtype=torch.float32), extractor.build(layers)
    compiled = torchscript.script(network)
    with torch.no_grad():
        for layer, one, other in zip(layers, compiled(picture), network(picture), strict=True):
            close(one, other, f"{layer} compiled and as it is", 1e-4)


LAWS = (
    names_its_layers,
    gives_the_layers_in_order,
    sees_what_it_declares,
    is_the_same_in_tiles,
    is_frozen,
    repeats_itself,
    keeps_a_batch_apart,
    takes_every_precision,
    is_scriptable_or_says_not,
)
"""All requirements of an extractor."""
