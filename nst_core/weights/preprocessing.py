"""What is done to an image before the first convolution, and how a weight file states it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from torch import Tensor

from nst_core.errors import WeightsError

__all__ = ["CAFFE", "TORCHVISION", "Preprocessing", "fold_caffe_preprocessing"]

_PerChannel = tuple[float, float, float]

_NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"
_TRIPLE = rf"({_NUMBER}),\s*({_NUMBER}),\s*({_NUMBER})"
_TEXT = re.compile(rf"RGB in \[0,\s?1\], normali[sz]ed with mean {_TRIPLE} and std {_TRIPLE}")


@dataclass(frozen=True)
class Preprocessing:
    """The network is applied to ``(image - mean) / std``, where the image is RGB in [0, 1].

    Attributes:
        mean: mean of the red, green and blue channel, in units of the image.
        std: positive divisor of the red, green and blue channel, in units of the image.

    Raises:
        WeightsError: a value is not finite, or a divisor is not positive.
    """

    mean: _PerChannel
    std: _PerChannel

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.mean + self.std)) or min(self.std) <= 0:
            raise WeightsError(f"invalid preprocessing '{self}': mean must be finite, std finite and positive")

    def __str__(self) -> str:
        mean, std = (",".join(map(repr, channels)) for channels in (self.mean, self.std))
        return f"RGB in [0,1], normalised with mean {mean} and std {std}"

    @classmethod
    def parse(cls, text: str) -> Preprocessing:
        """Parse the text that ``str()`` produces; it is the value of the metadata key ``input``.

        Raises:
            WeightsError: the text has another form.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise WeightsError(
                f"invalid preprocessing '{text}': write 'RGB in [0,1], normalised with mean a,b,c and std d,e,f'"
            )
        a, b, c, d, e, f = map(float, match.groups())
        return cls((a, b, c), (d, e, f))


TORCHVISION = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The preprocessing of torchvision's ImageNet classifiers."""

CAFFE = Preprocessing((123.68 / 255, 116.779 / 255, 103.939 / 255), (1.0, 1.0, 1.0))
"""The preprocessing of Caffe weights after :func:`fold_caffe_preprocessing`."""


def fold_caffe_preprocessing(weight: Tensor) -> Tensor:
    """Convert the first kernel of a Caffe network to one for images preprocessed by :data:`CAFFE`.

    A Caffe network is applied to 255·BGR less the mean (103.939, 116.779, 123.68), which is 255 times the flipped
    ``RGB - mean / 255``. The flip and the factor are folded into the kernel. The mean is not, because the zero padding
    is added after it is subtracted; subtracting it separately keeps the result exact at the borders.

    Args:
        weight: ``(N, 3, k, k)``, for BGR in [0, 255].

    Returns:
        ``(N, 3, k, k)``, for RGB in [0, 1].
    """
    return weight.flip(1) * 255
