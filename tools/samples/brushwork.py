"""A canvas of brush strokes along a swirling flow field."""

from __future__ import annotations

import numpy as np
from PIL import Image

from samples.noise import Array, fractal, smoothstep

__all__ = ["brushwork"]

# Deep to light along a field of its own: night blues, teal, ochre, orange, pale yellow.
PALETTE = (
    np.array(
        [[14, 22, 58], [24, 52, 118], [36, 96, 160], [62, 142, 168], [150, 176, 140], [226, 172, 62], [240, 206, 96]]
    )
    / 255
)
ACCENTS = np.array([[188, 70, 32], [250, 232, 170], [12, 14, 30], [40, 120, 110]]) / 255
# Centre (in units of the height), strength and radius of each whirl.
WHIRLS = ((0.34, 0.38, 1.0, 0.30), (0.98, 0.30, -1.0, 0.24), (0.78, 0.78, 0.9, 0.26), (0.20, 0.86, -0.8, 0.2))
# Layers of strokes from coarse to fine: how many, length and width in pixels.
LAYERS = ((1500, 110, 22), (2600, 90, 13), (4200, 64, 8), (3600, 40, 5))


def flow(height: int, width: int, rng: np.random.Generator) -> Array:
    """Angle of the strokes at every pixel."""
    y, x = np.mgrid[0:height, 0:width] / height
    u, v = np.full_like(x, 0.35), 0.12 * np.sin(5 * x)
    for cx, cy, strength, radius in WHIRLS:
        dx, dy = x - cx, y - cy
        pull = strength * np.exp(-(dx**2 + dy**2) / (2 * radius**2)) / radius
        u, v = u - pull * dy * 3, v + pull * dx * 3
    return np.arctan2(v, u) + 0.12 * fractal(rng, height, width, first=4, octaves=3)


def tone(height: int, width: int, rng: np.random.Generator) -> Array:
    """Place in the palette at every pixel, 0 to 1: light rings around the whirls, dark between."""
    y, x = np.mgrid[0:height, 0:width] / height
    light = 0.30 + 0.12 * fractal(rng, height, width, first=3, octaves=3) + 0.08 * np.sin(9 * y + 3 * x)
    for cx, cy, strength, radius in WHIRLS:
        distance = np.hypot(x - cx, y - cy) / radius
        rings = 0.5 + 0.5 * np.cos(distance * 6.0)
        light += (0.62 if strength > 0 else 0.5) * np.exp(-((distance / 0.75) ** 2)) * (0.55 + 0.45 * rings)
    return np.clip(light, 0, 1)


def trace(angle: Array, x: float, y: float, length: float) -> Array:
    """Follow the flow both ways from a point; the path as an array of points."""
    height, width = angle.shape
    halves = []
    for sign in (-1, 1):
        px, py, points = x, y, []
        for _ in range(int(length / 4)):
            a = angle[int(np.clip(py, 0, height - 1)), int(np.clip(px, 0, width - 1))]
            px, py = px + sign * 2 * np.cos(a), py + sign * 2 * np.sin(a)
            points.append((px, py))
        halves.append(points)
    return np.array(halves[0][::-1] + [(x, y)] + halves[1])


def lay(canvas: Array, relief: Array, path: Array, half: float, colour: Array, rng: np.random.Generator) -> None:
    """Lay a stroke with bristle marks on the canvas, and its thickness on the relief."""
    height, width, _ = canvas.shape
    margin = half + 2
    x0, y0 = np.floor(path.min(0) - margin).astype(int)
    x1, y1 = np.ceil(path.max(0) + margin).astype(int)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if x1 <= x0 or y1 <= y0:
        return
    yy, xx = np.mgrid[y0:y1, x0:x1]
    flat = np.stack([xx.ravel(), yy.ravel()], 1)
    distance = ((flat[:, None] - path[None]) ** 2).sum(-1)
    nearest = distance.argmin(1)
    before, after = path[np.maximum(nearest - 1, 0)], path[np.minimum(nearest + 1, len(path) - 1)]
    along = after - before
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    offset = flat - path[nearest]
    across = offset[:, 0] * -along[:, 1] + offset[:, 1] * along[:, 0]
    ahead = np.abs((offset * along).sum(1))
    place = nearest / len(path)
    width_here = half * (0.35 + 0.65 * np.clip(np.minimum(place, 1 - place) * 6, 0, 1) ** 0.5)
    inside = smoothstep(width_here - np.abs(across), -0.5, 1.0) * smoothstep(half * 0.8 - ahead, -1, 1)
    bristles = rng.standard_normal(33)
    lane = np.clip((across / (half + 1e-9) * 0.5 + 0.5) * 32, 0, 31.999)
    low = lane.astype(int)
    hair = bristles[low] * (1 - lane + low) + bristles[low + 1] * (lane - low)
    cover = (inside * np.clip(0.93 + 0.16 * hair, 0, 1)).reshape(yy.shape)[..., None]
    shade = (1 + 0.07 * hair).reshape(yy.shape)[..., None]
    part = canvas[y0:y1, x0:x1]
    part += cover * (colour * shade - part)
    profile = (1 - (across / (half + 1e-9)) ** 2).clip(0) + 0.35 * hair
    bump = relief[y0:y1, x0:x1]
    bump += cover[..., 0] * (profile.reshape(yy.shape) * min(half, 7) * 0.5 - bump)


def colour_at(place: float, rng: np.random.Generator) -> Array:
    """Take a colour from the palette, a little off, and now and then an accent."""
    if rng.random() < 0.035:
        return ACCENTS[rng.integers(len(ACCENTS))]
    place = np.clip(place + rng.normal(0, 0.07), 0, 1) * (len(PALETTE) - 1)
    low = min(int(place), len(PALETTE) - 2)
    mixed = PALETTE[low] + (place - low) * (PALETTE[low + 1] - PALETTE[low])
    return np.clip(mixed + rng.normal(0, 0.035, 3), 0, 1)


def brushwork(height: int, width: int, seed: int = 4) -> Image.Image:
    """Paint the canvas."""
    rng = np.random.default_rng(seed)
    angle, light = flow(height, width, rng), tone(height, width, rng)
    canvas = np.full((height, width, 3), PALETTE[1])
    relief = np.zeros((height, width))
    for count, length, thick in LAYERS:
        for _ in range(count):
            x, y = rng.random() * width, rng.random() * height
            path = trace(angle, x, y, length * rng.uniform(0.6, 1.3))
            lay(canvas, relief, path, thick / 2 * rng.uniform(0.7, 1.2), colour_at(light[int(y), int(x)], rng), rng)
    slope = np.gradient(relief)
    lit = 1 - 0.09 * (slope[0] + 0.7 * slope[1]).clip(-3, 3)
    return Image.fromarray(((canvas * lit[..., None]).clip(0, 1) * 255).round().astype(np.uint8))
