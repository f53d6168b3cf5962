"""Structural similarity (SSIM) of images and of their edges."""

from __future__ import annotations

import pytorch_msssim
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["edge_ssim", "luma", "ssim"]

WINDOW = 11
_LUMA = (0.299, 0.587, 0.114)


def luma(image: Tensor) -> Tensor:
    """Return the luma of images, Rec. 601 weights on encoded values: ``(B, 3, H, W)`` in [0, 1] to ``(B, 1, H, W)``."""
    weights = torch.tensor(_LUMA, dtype=image.dtype, device=image.device)
    return (image * weights[:, None, None]).sum(dim=1, keepdim=True)


def ssim(first: Tensor, second: Tensor) -> float:
    """Return the structural similarity of the lumas of two images.

    The mean over all positions of the index of Wang, Bovik, Sheikh and Simoncelli, Image Quality Assessment: From Error
    Visibility to Structural Similarity, IEEE Transactions on Image Processing 13 (2004): a Gaussian window of 11×11
    pixels with σ = 1.5, K₁ = 0.01, K₂ = 0.03, computed by pytorch-msssim. Images with a shorter side are
    continued by their last row or column.

    Args:
        first: ``(1, 3, H, W)`` in [0, 1].
        second: ``(1, 3, H, W)`` in [0, 1].

    Returns:
        From -1 to 1: 1 for equal lumas.
    """
    return _ssim(luma(first), luma(second))


def edge_ssim(first: Tensor, second: Tensor) -> float:
    """Return the structural similarity of the edges of two images: :func:`ssim` of their Sobel magnitudes.

    Args:
        first: ``(1, 3, H, W)`` in [0, 1].
        second: ``(1, 3, H, W)`` in [0, 1].

    Returns:
        From -1 to 1: 1 for equal edges, about 0 for unrelated ones.
    """
    return _ssim(_edges(luma(first)), _edges(luma(second)))


def _edges(grey: Tensor) -> Tensor:
    """Return Sobel magnitudes ``(B, 1, H, W)``; a step from 0 to 1 has the magnitude 1."""
    across = torch.tensor([[-1.0, 0.0, 1.0]], dtype=grey.dtype, device=grey.device)
    along = torch.tensor([[0.25], [0.5], [0.25]], dtype=grey.dtype, device=grey.device)
    kernel = along @ across
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    slopes = F.conv2d(padded, torch.stack((kernel, kernel.T))[:, None])
    return slopes.square().sum(dim=1, keepdim=True).sqrt()


def _ssim(first: Tensor, second: Tensor) -> float:
    height, width = first.shape[-2:]
    wanting = (0, max(0, WINDOW - width), 0, max(0, WINDOW - height))
    # Variances are differences of nearly equal numbers: in float32 those of a flat image may be negative.
    pair = (F.pad(x.double(), wanting, mode="replicate") for x in (first, second))
    return float(pytorch_msssim.ssim(*pair, data_range=1.0, win_size=WINDOW))
