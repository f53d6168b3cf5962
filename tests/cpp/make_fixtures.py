"""Write what the C++ tests compare with: exported extractors, and numbers that Python computes.

    python make_fixtures.py FOLDER

With NST_TEST_WEIGHTS and NST_TEST_IMAGES set, also those of the real network on real images.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scriptable import PlainExtractor, StackExtractor
from tiny import plugin, tiny_registry

import nst_core as nst
from nst_core import Component, Extractor, Session, export_extractor, ops
from nst_core.export import torchscript
from nst_plugins.extractors.vgg import Vgg19Lite
from nst_plugins.losses.gram_style import GramStyle
from nst_plugins.losses.mse_content import MseContent

EVALUATIONS = 60


def random(*shape: int, seed: int = 0) -> Tensor:
    """Uniform in [0, 1]."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def picture(height: int, width: int, seed: int) -> Tensor:
    """Smooth random colours, ``(1, 3, H, W)``."""
    coarse = random(1, 3, height // 8, width // 8, seed=seed)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def grams() -> dict[str, Tensor]:
    """Features of several shapes, layouts and dtypes with their Gram matrices."""
    table = {}
    for i, (shape, dtype, layout) in enumerate(
        [
            ((2, 5, 7, 9), torch.float32, torch.contiguous_format),
            ((1, 64, 33, 41), torch.float32, torch.channels_last),
            ((1, 12, 20, 20), torch.float64, torch.contiguous_format),
            ((1, 64, 40, 40), torch.bfloat16, torch.channels_last),
        ]
    ):
        feature = (random(*shape, seed=i) - 0.3).to(dtype).contiguous(memory_format=layout)
        table |= {f"feature{i}": feature, f"gram{i}": ops.gram_reference(feature) / (shape[2] * shape[3])}
    return table


def losses() -> dict[str, Tensor]:
    """Every form of the two losses, with its gradient."""
    feature, target = random(1, 16, 24, 20, seed=1) - 0.4, random(1, 16, 24, 20, seed=2) - 0.4
    style = random(1, 16, 30, 31, seed=3) - 0.4
    table = {"feature": feature, "content": target, "style": style}
    channels, positions = 32, 480.0  # nominal channels need not be those of the tensor
    leaf = feature.clone().requires_grad_()
    for reduction in ("mean", "sum"):
        content = MseContent(reduction)
        table[f"content-{reduction}"] = content.pointwise(leaf, target) * content.scale(positions, channels)
    for normalization in ("mean", "gatys", "relative"):
        gram = GramStyle(normalization)
        table[f"style-{normalization}"] = gram.criterion(gram.statistic(leaf), gram.statistic(style), channels)
    for name in [n for n in table if "-" in n]:
        table[f"gradient {name}"] = torch.autograd.grad(table[name], leaf)[0]
        table[name] = table[name].detach()
    relative = GramStyle("relative")
    table["nothing relative"] = relative.criterion(
        relative.statistic(feature), relative.statistic(torch.zeros_like(feature)), channels
    )
    return table


def features(extractor: Extractor, layers: list[str], dtype: torch.dtype, image: Tensor) -> dict[str, Tensor]:
    """Feature maps and the image gradient of their mean squares: by the fast form, and by the module itself."""
    network = extractor.build(layers).to(dtype).to(memory_format=torch.channels_last)
    table = {"image": image}
    for name, run in (("native", ops.accelerated(network)), ("module", network)):
        leaf = image.clone().requires_grad_()
        found = run(leaf)
        torch.stack([f.float().square().mean() for f in found]).sum().backward()
        table |= {f"{name}{i}": f.detach() for i, f in enumerate(found)} | {f"{name} gradient": leaf.grad}
    return table


def run(registry: nst.Registry, content: Tensor, style: Tensor, **options: object) -> dict[str, Tensor]:
    """Carry out a job as Python does."""
    result = nst.stylize(
        content,
        style,
        session=Session(registry),
        steps=EVALUATIONS,
        size=2000,
        device="cpu",
        precision="fp32",
        **{"preset": "content", **options},
    )
    history = torch.tensor(result.history, dtype=torch.float64)
    start = nst.load_image(content).pixels
    if options.get("preset") == "noise":
        initializer = registry.create("initializer", Component("noise"))
        start = initializer.initial(tuple(content.shape[-2:]), nst.InitialSources(), torch.Generator().manual_seed(0))
    return {"content": content, "style": style, "initial": start, "history": history, "image": result.image}


def wrong_files(folder: Path) -> None:
    """Write files that must be refused."""
    module = torchscript.script(PlainExtractor().build(["a"]))
    torchscript.save(module, folder / "bare.ts", {})
    torchscript.save(module, folder / "older.ts", {"nst.json": '{"format": 1}'})
    torchscript.save(module, folder / "newer.ts", {"nst.json": '{"format": 3}'})
    torchscript.save(module, folder / "garbled.ts", {"nst.json": '{"format": 2, "extractor": 7}'})
    (folder / "text.ts").write_text("no archive")


def real(folder: Path) -> None:
    """The network and images that people use."""
    weights, images = os.environ.get("NST_TEST_WEIGHTS"), os.environ.get("NST_TEST_IMAGES")
    if not weights or not images:
        return
    registry = nst.load_registry()
    extractor = registry.create("extractor", Component("vgg19", {"weights": weights}))
    exported = export_extractor("vgg19", extractor, folder / "vgg19.ts")
    layers = [layer["name"] for layer in exported.metadata["layers"]]
    content = nst.load_image(Path(images) / "tubingen.jpg", size=96).pixels
    style = nst.load_image(Path(images) / "starry_night.jpg", size=96).pixels
    torch.save(features(extractor, layers, torch.float32, content), folder / "vgg19-features.pt")
    torch.save(run(registry, content, style, weights=weights), folder / "vgg19-run.pt")


def main(folder: Path) -> None:
    """Write everything."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.pop("NST_NATIVE", None)
    torch.save(grams(), folder / "grams.pt")
    torch.save(losses(), folder / "losses.pt")
    registry = tiny_registry(("made", plugin(extractors={"stack": StackExtractor, "plain": PlainExtractor})))
    image = random(2, 3, 37, 50, seed=5)
    for name, extractor in (
        ("stack", StackExtractor()),
        ("average", StackExtractor(average=True)),
        ("plain", PlainExtractor()),
    ):
        layers = list(extractor.taps())[::-1]
        for dtype, suffix in ((torch.float32, "fp32"), (torch.bfloat16, "bf16")):
            file = folder / f"{name}-{suffix}.ts"
            export_extractor(name, extractor, file, layers=layers, dtype=suffix)
            torch.save(features(extractor, layers, dtype, image), folder / f"{name}-{suffix}-features.pt")
    lite, layers, image = Vgg19Lite(), ["conv2_2", "relu1_1"], image[:, :, :24, :32]
    export_extractor("vgg19-lite", lite, folder / "lite.ts", layers=layers)
    torch.save(features(lite, layers, torch.float32, image), folder / "lite-features.pt")
    content, style = picture(48, 64, seed=6), picture(64, 46, seed=7)  # of a size: nothing is scaled
    for name, options in (
        ("stack-lbfgs", {"extractor": "stack"}),
        ("plain-lbfgs", {"extractor": "plain", "preset": "noise"}),
        ("stack-adam", {"extractor": "stack", "optimizer": "adam:learning_rate=0.05"}),
    ):
        torch.save(run(registry, content, style, **options), folder / f"{name}-run.pt")
    for suffix, image in (("png", content), ("jpg", style)):
        nst.save_image(image, folder / f"picture.{suffix}")
    wrong_files(folder)
    real(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
