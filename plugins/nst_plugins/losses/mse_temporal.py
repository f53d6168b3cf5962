"""The temporal loss of Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", arXiv:1604.08610."""

from __future__ import annotations

from nst_plugins.losses.mse_content import MseContent

__all__ = ["MseTemporal"]


class MseTemporal(MseContent):
    """Squared difference from earlier frames, each moved to where everything is now.

    Equation 7: 1/D Σ_p c(p) (x(p) - ω(p))², with ω the earlier painted frame moved along the optical flow, c the weight
    of every position, 0 where the earlier frame does not show what is there now, and D the number of values of the
    image. Where several earlier frames are compared with, theirs are added up.
    """

    role = "temporal"
    default_weight = 500.0
    default_layers = ("pixels",)

    def __init__(self) -> None:
        super().__init__("mean")
