"""Regions with a real network: each keeps to its own style."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from masks import part, saved_mask
from torch import Tensor

import nst_core as nst

HEIGHT, WIDTH = 96, 128
# Receptive field of the third block's last style layer; the deepest layer sees more than half of the picture.
BAND = 42


def paper(red: float, green: float, blue: float, seed: int) -> Tensor:
    """Return stains of different lightness on coloured paper."""
    noise = torch.rand(1, 1, HEIGHT // 8, WIDTH // 8, generator=torch.Generator().manual_seed(seed))
    stains = F.interpolate(noise, size=(HEIGHT, WIDTH), mode="bicubic").clamp(0, 1) - 0.5
    return (torch.tensor([red, green, blue]).reshape(1, 3, 1, 1) + 0.5 * stains).clamp(0, 1)


def distance(image: Tensor, style: Tensor) -> Tensor:
    return (image - style.mean(dim=(2, 3), keepdim=True)).square().sum(dim=1)


@pytest.mark.parametrize("guide", ["simple", "inside"])
@pytest.mark.parametrize("loss", ["w2-style", "gram-style"])
def test_no_region_has_the_colours_of_the_other(loss, guide, tmp_path):
    """Of a grey photograph, less than 2 % of each half is nearer to the other half's paper."""
    blue, red = paper(0.1, 0.2, 0.8, 0), paper(0.8, 0.25, 0.1, 1)
    half = WIDTH // 2
    masks = [
        saved_mask(tmp_path / f"{number}.png", part(HEIGHT, WIDTH, columns=columns))
        for number, columns in enumerate((slice(0, half), slice(half, None)))
    ]
    result = nst.stylize(
        torch.full((1, 3, HEIGHT, WIDTH), 0.5),
        [blue, red],
        fast=True,
        steps=60,
        size=WIDTH,
        plugins=[loss],
        guide=guide,
        regions=[f"left={masks[0]}", f"right={masks[1]}:style=2"],
    )
    nearer_to_blue = distance(result.image, blue) < distance(result.image, red)
    assert float((~nearer_to_blue[..., : half - BAND // 2]).float().mean()) < 0.02
    assert float(nearer_to_blue[..., half + BAND // 2 :].float().mean()) < 0.02
