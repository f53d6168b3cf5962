"""Motion between two frames, and where it can be relied on. Needs OpenCV, the extra ``video``.

The flow is that of Kroeger, Timofte, Dai and Van Gool, "Fast optical flow using dense inverse search",
arXiv:1603.03590: no weights, and some ten milliseconds a frame of 512×288. What is occluded, and where motion has a
boundary, is decided as by Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", arXiv:1604.08610,
equations 5 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.video.extras import opencv

__all__ = ["Flow", "Frame", "Motion", "alike", "fade", "moved", "moved_frame", "optical_flow", "reliable"]

Frame = np.ndarray[Any, np.dtype[np.uint8]]
"""A picture ``(H, W, 3)``, RGB."""

Flow = np.ndarray[Any, np.dtype[np.float32]]
"""Displacements ``(H, W, 2)`` in pixels, x and y: where in the other frame that is which is at a pixel of this one."""

# Ruder et al., equations 5 and 6: relative and absolute part of both bounds, in squared pixels.
_OCCLUSION = (0.01, 0.5)
_BOUNDARY = (0.01, 0.002)
_UNLIKE = 24.0


def optical_flow(here: Frame, there: Frame) -> Flow:
    """Return where in one frame that lies which is at each pixel of another.

    Args:
        here: the frame whose pixels are asked about.
        there: the other one, of the same size.

    Raises:
        JobError: OpenCV is not installed.
    """
    cv2 = opencv()
    one, other = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (here, there))
    if min(one.shape) < _LEAST:
        return np.zeros((*one.shape, 2), np.float32)
    found: Flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(one, other, None)
    return found


_LEAST = 16  # pixels of a side, below which there are no patches to compare


def moved(pixels: Tensor, flow: Flow) -> Tensor:
    """Return a picture with everything where it is in another frame.

    Args:
        pixels: ``(1, C, H, W)`` of the frame that the flow leads to.
        flow: from the other frame to this one, ``(H, W, 2)``.

    Returns:
        ``(1, C, H, W)``, between the least and the greatest value of ``pixels``. Interpolated with Lanczos' kernel of 8
        by 8 pixels, which blurs least when it is repeated; beyond the border, the picture is mirrored.
    """
    image = np.ascontiguousarray(pixels[0].permute(1, 2, 0).float().cpu().numpy())
    return torch.from_numpy(_remapped(image, flow)).permute(2, 0, 1)[None].contiguous()


def moved_frame(frame: Frame, flow: Flow) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Do what :func:`moved` does with a frame; returns ``(H, W, 3)`` in [0, 255], not rounded."""
    return _remapped(frame.astype(np.float32), flow)


def _remapped(image: np.ndarray[Any, np.dtype[np.float32]], flow: Flow) -> np.ndarray[Any, np.dtype[np.float32]]:
    cv2 = opencv()
    height, width = flow.shape[:2]
    found = cv2.remap(image, *_there(flow), cv2.INTER_LANCZOS4, None, cv2.BORDER_REFLECT)
    within: np.ndarray[Any, np.dtype[np.float32]] = np.clip(
        found.reshape(height, width, -1), image.min(), image.max(), dtype=np.float32
    )
    return within


def _there(flow: Flow) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the column and the row in the other frame, ``(H, W)`` each, that a flow leads to from every pixel."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns + flow[..., 0], rows + flow[..., 1]


def reliable(backward: Flow, forward: Flow) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where a flow can be relied on.

    With ŵ the backward flow and w̃ the forward flow where ŵ leads to, a pixel is disoccluded where
    ``|w̃ + ŵ|² > 0.01 (|w̃|² + |ŵ|²) + 0.5``, and at a boundary of motion where ``|∇û|² + |∇v̂|² > 0.01 |ŵ|² + 0.002``.
    What lies outside the earlier frame cannot be relied on, either.

    Args:
        backward: from the current frame to the earlier one, ``(H, W, 2)``.
        forward: from the earlier frame to the current one.

    Returns:
        ``(H, W)``, of the current frame.
    """
    cv2 = opencv()
    height, width = backward.shape[:2]
    x, y = _there(backward)
    there = cv2.remap(forward, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    apart = np.square(there + backward).sum(-1)
    length = np.square(there).sum(-1) + np.square(backward).sum(-1)
    seen = apart <= _OCCLUSION[0] * length + _OCCLUSION[1]
    bend = sum(np.square(slope) for part in (0, 1) for slope in np.gradient(backward[..., part]))
    smooth = bend <= _BOUNDARY[0] * np.square(backward).sum(-1) + _BOUNDARY[1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    found: np.ndarray[Any, np.dtype[np.bool_]] = seen & smooth & inside
    return found


def alike(current: Frame, other: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where two frames show the same: where no channel differs by more than 24 of 255, over 3 by 3 pixels.

    What comes out from behind something may go unnoticed by the flow, which is smooth, but not by its colours.

    Args:
        current: ``(H, W, 3)``.
        other: the same, any numbers in [0, 255].

    Returns:
        ``(H, W)``.
    """
    cv2 = opencv()
    difference = np.abs(current.astype(np.float32) - other).max(-1)
    found: np.ndarray[Any, np.dtype[np.bool_]] = cv2.blur(difference, (3, 3)) <= _UNLIKE
    return found


def fade(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> Tensor:
    """Return weights that fall to zero within two pixels before the edges of a mask.

    Args:
        mask: ``(H, W)``.

    Returns:
        ``(1, 1, H, W)`` in [0, 1], zero wherever the mask is false.
    """
    cv2 = opencv()
    inner = cv2.erode(mask.astype(np.float32), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_REPLICATE)
    soft = cv2.blur(inner, (5, 5), borderType=cv2.BORDER_REPLICATE)
    return torch.from_numpy(np.where(mask, soft, 0.0).astype(np.float32))[None, None]


@dataclass(frozen=True)
class Motion:
    """How the current frame follows from an earlier one.

    Attributes:
        flow: from the current frame to the earlier one, ``(H, W, 2)`` in pixels.
        weight: how far it can be relied on, ``(1, 1, H, W)`` in [0, 1].
    """

    flow: Flow
    weight: Tensor

    @classmethod
    def between(cls, current: Frame, earlier: Frame) -> Motion:
        """Find the motion between two frames of the same size.

        Raises:
            JobError: OpenCV is not installed.
        """
        backward, forward = optical_flow(current, earlier), optical_flow(earlier, current)
        same = alike(current, moved_frame(earlier, backward))
        return cls(backward, fade(reliable(backward, forward) & same))
