"""How steady a painted clip is: with the flow, and without any."""

from __future__ import annotations

from typing import Any

import numpy as np

from nst_core.video.flow import Flow, Frame, moved_frame

__all__ = ["flicker", "warping_error"]

Visible = np.ndarray[Any, np.dtype[np.bool_]]


def warping_error(current: Frame, earlier: Frame, flow: Flow, visible: Visible) -> float:
    """Return the mean squared difference of a frame from the one before, moved to where everything is now.

    As Lai et al., "Learning blind video temporal consistency", arXiv:1808.00449, equation 11 for two frames, in pixels
    of [0, 1].

    Args:
        current: painted, ``(H, W, 3)``.
        earlier: the painted frame before.
        flow: from the current frame to the earlier one, of the clip itself.
        visible: where the earlier frame shows what is there now, ``(H, W)``; nothing else counts.

    Returns:
        The mean over the visible pixels and the channels; NaN where none is visible.
    """
    if not visible.any():
        return float("nan")
    there = moved_frame(earlier, flow)
    difference = (current.astype(np.float64) - there) / 255.0
    return float(np.square(difference[visible]).mean())


def flicker(current: Frame, earlier: Frame, source: Frame, source_earlier: Frame) -> float:
    """Return how much more two painted frames differ than the frames they were painted from; needs no flow.

    The mean squared difference of frame differences, ``mean ((y_t - y_{t-1}) - (x_t - x_{t-1}))²`` in pixels of [0, 1]:
    Xiao, Li and Zou, arXiv:2102.05822.

    Args:
        current: painted, ``(H, W, 3)``.
        earlier: the painted frame before.
        source: of the clip, that the current one was painted from.
        source_earlier: the one before.
    """
    y, before, x, x_before = (f.astype(np.float64) / 255.0 for f in (current, earlier, source, source_earlier))
    return float(np.square((y - before) - (x - x_before)).mean())
