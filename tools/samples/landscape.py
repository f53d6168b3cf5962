"""A small town between hills and water in evening light, rendered from noise and simple shapes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from samples.noise import Array, fractal, smoothstep

__all__ = ["landscape"]

SHORE = 0.66  # height of the waterline


def mix(a: Array, b: Array | tuple[float, ...], t: Array) -> Array:
    """Blend two colours or pictures by a map of 0 to 1."""
    return a + (np.asarray(b) - a) * t[..., None]


def sky(height: int, width: int, rng: np.random.Generator) -> Array:
    """Graded light with two banks of clouds, lit from the right."""
    y, x = np.mgrid[0:height, 0:width] / height
    picture = mix(np.full((height, width, 3), (0.30, 0.50, 0.78)), (0.90, 0.80, 0.68), smoothstep(y, 0.0, 0.60))
    picture = mix(picture, (1.0, 0.86, 0.62), 0.55 * np.exp(-((x - 1.15) ** 2 + (y - 0.52) ** 2) / 0.10))
    for level, first, top in ((0.35, 2, 0.06), (0.75, 4, 0.30)):
        wide = fractal(rng, height + 9, width + 14, first=first, octaves=8, gain=0.55, stretch=2.2)
        form, towards_light = wide[9:, :-14], wide[:-9, 14:]
        cover = (
            smoothstep(form, level, level + 1.3) * smoothstep(y, top - 0.15, top + 0.1) * smoothstep(0.62 - y, 0, 0.2)
        )
        light = np.clip(0.80 + 0.13 * (form - towards_light), 0.5, 1.0)
        picture = mix(picture, light[..., None] * np.array([1.0, 0.95, 0.90]), 0.9 * cover)
    return picture


def hills(picture: Array, rng: np.random.Generator) -> None:
    """Three ranges, the far ones pale."""
    height, width, _ = picture.shape
    y = np.arange(height)[:, None] / height
    ranges = ((0.47, 0.035, (0.55, 0.62, 0.74)), (0.53, 0.04, (0.42, 0.52, 0.56)), (0.585, 0.03, (0.27, 0.37, 0.28)))
    for base, rise, colour in ranges:
        ridge = base - rise * fractal(rng, 2, width, first=3, octaves=8, gain=0.5)[0]
        inside = smoothstep(y - ridge[None], 0, 0.004)
        texture = fractal(rng, height, width, first=30, octaves=5, gain=0.7)
        depth = smoothstep(y - ridge[None], 0, 0.16)
        shade = np.array(colour) * (1 + (0.05 + 0.13 * (base - 0.45) * 8) * texture * 0.5)[..., None]
        picture[:] = mix(picture, mix(shade, (0.74, 0.74, 0.70), 0.35 * depth), inside)


def house(draw: ImageDraw.ImageDraw, x: float, w: float, h: float, ground: float, rng: np.random.Generator) -> None:
    """A facade with windows under a pitched roof; all measures in pixels of the drawing."""
    walls = ((226, 208, 178), (214, 178, 132), (198, 142, 110), (232, 224, 206), (190, 170, 146), (170, 120, 96))
    wall = np.array(walls[rng.integers(len(walls))])
    roof = np.array(((142, 70, 50), (120, 62, 52), (92, 70, 68))[rng.integers(3)])
    top, side = ground - h, w * 0.22
    draw.rectangle((x, top, x + w, ground), fill=tuple(wall))
    draw.rectangle((x, top, x + side, ground), fill=tuple((wall * 0.72).astype(int)))
    peak = top - w * rng.uniform(0.35, 0.6)
    draw.polygon([(x - 5, top), (x + w / 2, peak), (x + w + 5, top)], fill=tuple(roof))
    draw.polygon([(x - 5, top), (x + w / 2, peak), (x + side, top)], fill=tuple((roof * 0.7).astype(int)))
    for k in range(1, 7):  # rows of tiles
        t = k / 7
        line = (x - 5 + (w / 2 + 5) * t, top + (peak - top) * t, x + w + 5 - (w / 2 + 5) * t, top + (peak - top) * t)
        draw.line(line, fill=tuple((roof * 0.88).astype(int)), width=1)
    columns, rows = max(2, int(w // 24)), max(1, int(h // 30))
    for i in range(columns):
        for j in range(rows):
            wx, wy = x + w * (i + 0.5) / columns - 4, top + h * (j + 0.35) / rows - 3
            lit = rng.random() < 0.22
            glass = (255, 214, 120) if lit else tuple(rng.integers((50, 60, 76), (84, 96, 116)))
            draw.rectangle((wx - 2, wy - 2, wx + 11, wy + 17), fill=tuple((wall * 0.9).astype(int)))
            draw.rectangle((wx, wy, wx + 9, wy + 14), fill=tuple(int(c) for c in glass))
            draw.line((wx + 4.5, wy, wx + 4.5, wy + 14), fill=tuple((wall * 0.95).astype(int)))
    if rng.random() < 0.5:
        cx = x + w * 0.68
        draw.rectangle((cx, peak + 6, cx + 9, top), fill=tuple((roof * 0.8).astype(int)))


def tower(draw: ImageDraw.ImageDraw, x: float, ground: float, scale: float) -> None:
    """A church tower with a pointed roof and a clock."""
    w, h = 62 * scale, 300 * scale
    draw.rectangle((x, ground - h, x + w, ground), fill=(206, 190, 164))
    draw.rectangle((x, ground - h, x + w * 0.3, ground), fill=(150, 136, 122))
    draw.polygon(
        [(x - 6, ground - h), (x + w / 2, ground - h - 190 * scale), (x + w + 6, ground - h)], fill=(70, 92, 92)
    )
    draw.polygon(
        [(x - 6, ground - h), (x + w / 2, ground - h - 190 * scale), (x + w * 0.3, ground - h)], fill=(48, 66, 70)
    )
    draw.ellipse((x + w * 0.32, ground - h + 22, x + w * 0.82, ground - h + 22 + w * 0.5), fill=(240, 232, 206))
    draw.line((x + w * 0.57, ground - h + 38, x + w * 0.57, ground - h + 26), fill=(40, 40, 40), width=3)
    for level in (0.45, 0.62):
        y = ground - h * level
        draw.rectangle((x + w * 0.46, y - 26, x + w * 0.66, y), fill=(62, 62, 70))


def town(picture: Array, rng: np.random.Generator) -> None:
    """Two rows of houses and a tower, drawn large and scaled down so that edges are soft."""
    height, width, _ = picture.shape
    ground = SHORE * height * 2
    layer = Image.new("RGBA", (width * 2, height * 2))
    draw = ImageDraw.Draw(layer)
    for base, low, high, gap in ((ground - 62, 70, 120, 0.95), (ground, 80, 150, 1.0)):
        x = width * 2 * 0.10
        while x < width * 2 * 0.93:
            w = rng.uniform(58, 118)
            house(draw, x, w, rng.uniform(low, high), base, rng)
            x += w * gap + (rng.uniform(10, 60) if rng.random() < 0.2 else 0)
        if base < ground:
            tower(draw, width * 2 * 0.58, ground - 40, 1.0)
    layer = layer.resize((width, height), Image.Resampling.LANCZOS)
    values = np.asarray(layer, np.float64) / 255
    grain = 1 + 0.05 * fractal(rng, height, width, first=60, octaves=4, gain=0.8)
    picture[:] = mix(picture, values[..., :3] * grain[..., None], values[..., 3])


def trees(picture: Array, rng: np.random.Generator) -> None:
    """Crowns of leaves along the shore and one large tree at the left."""
    height, width, _ = picture.shape
    y, x = np.mgrid[0:height, 0:width]
    leaves = fractal(rng, height, width, first=70, octaves=4, gain=0.85)
    spots = [(rng.uniform(0, 1) * width, SHORE * height - rng.uniform(2, 12), rng.uniform(9, 22)) for _ in range(34)]
    spots += [
        (width * 0.055 + rng.normal(0, 34), height * 0.44 + rng.normal(0, 42), rng.uniform(26, 46)) for _ in range(16)
    ]
    trunk = (np.abs(x - width * 0.06 - 5 * np.sin(y / 40)) < 5) & (y > height * 0.45) & (y < SHORE * height + 4)
    picture[trunk] = (0.20, 0.15, 0.11)
    for cx, cy, r in spots:
        form = 1 - np.hypot((x - cx) / r, (y - cy) / (0.85 * r)) + 0.24 * leaves
        cover = smoothstep(form, 0.08, 0.26) * (y < SHORE * height + 3)
        light = np.clip(0.42 + 0.42 * ((x - cx) - (y - cy)) / (1.6 * r) + 0.20 * leaves, 0.05, 1.1)
        tint = np.array([0.30, 0.38, 0.14]) * rng.uniform(0.75, 1.15) + np.array([0.10, 0.03, 0.0]) * rng.random()
        picture[:] = mix(picture, light[..., None] * tint * 1.9, cover)


def water(picture: Array, rng: np.random.Generator) -> None:
    """Mirror what stands above the shore, broken by waves that grow towards the viewer."""
    height, width, _ = picture.shape
    shore = int(SHORE * height)
    rows = np.arange(shore, height)
    near = (rows - shore) / (height - shore)
    waves = fractal(rng, height - shore, width, first=10, octaves=6, gain=0.75, stretch=9.0)
    sway = waves * (1.5 + 26 * near[:, None])
    source_y = np.clip(shore - 1 - (rows - shore)[:, None] * 1.15 + sway, 0, shore - 1).astype(int)
    source_x = np.clip(np.arange(width)[None] + sway * 0.25, 0, width - 1).astype(int)
    mirrored = picture[source_y, source_x]
    slope = waves - np.roll(waves, 2, axis=0)
    deep = mix(mirrored * 0.80, (0.10, 0.20, 0.26), 0.18 + 0.42 * near[:, None] * np.ones_like(waves))
    glitter = smoothstep(slope, 0.35, 1.0) * (0.12 + 0.38 * near[:, None])
    picture[shore:] = mix(deep, (0.98, 0.90, 0.78), glitter)
    picture[shore - 2 : shore + 2] *= 0.55


def landscape(height: int, width: int, seed: int = 11) -> Image.Image:
    """Render the photograph."""
    rng = np.random.default_rng(seed)
    picture = sky(height, width, rng)
    hills(picture, rng)
    town(picture, rng)
    trees(picture, rng)
    water(picture, rng)
    y, x = np.mgrid[0:height, 0:width]
    vignette = 1 - 0.28 * (((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) / 0.5)
    picture = picture * vignette[..., None] + rng.normal(0, 0.010, picture.shape)
    image = Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(0.4))
