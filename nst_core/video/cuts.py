"""Scene cuts: where a frame has nothing to do with the one before."""

from __future__ import annotations

import numpy as np

from nst_core.video.extras import opencv
from nst_core.video.flow import Frame, Motion

__all__ = ["is_cut"]

# Found on clips with known cuts (docs/notes/video.md). Either says a cut alone where it is certain; both where each is
# likely.
_COLORS_CERTAIN, _COLORS_LIKELY = 0.75, 0.35
_LOST_CERTAIN, _LOST_LIKELY = 0.9, 0.5
_BINS = 8


def is_cut(current: Frame, earlier: Frame, motion: Motion) -> bool:
    """Say whether a frame begins a new scene.

    Two signs: the histograms of colours differ (their Hellinger distance), and the flow can be relied on nowhere.

    Args:
        current: the frame.
        earlier: the one before, of the same size.
        motion: between them.
    """
    colors = color_distance(current, earlier)
    lost = 1.0 - float(motion.weight.mean())
    if lost > _LOST_CERTAIN:
        return True
    return colors > _COLORS_CERTAIN or (lost > _LOST_LIKELY and colors > _COLORS_LIKELY)


def color_distance(one: Frame, other: Frame) -> float:
    """Return the Hellinger distance between the histograms of two frames' colours, in [0, 1]; 8 bins a channel."""
    cv2 = opencv()
    bins, ranges = [_BINS] * 3, [0, 256] * 3
    both = [cv2.calcHist([np.ascontiguousarray(frame)], [0, 1, 2], None, bins, ranges) for frame in (one, other)]
    return float(cv2.compareHist(*both, cv2.HISTCMP_BHATTACHARYYA))
