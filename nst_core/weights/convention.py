"""What numbers a network was trained to see, and how the metadata says it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from torch import Tensor

from nst_core.errors import WeightsError

__all__ = ["CAFFE", "TORCHVISION", "InputConvention", "fold_caffe"]

Triple = tuple[float, float, float]

_NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"
_TRIPLE = rf"({_NUMBER}),\s*({_NUMBER}),\s*({_NUMBER})"
_TEXT = re.compile(rf"RGB in \[0,\s?1\], normali[sz]ed with mean {_TRIPLE} and std {_TRIPLE}")


@dataclass(frozen=True)
class InputConvention:
    """The first convolution sees ``(image - mean) / std``, where the image is RGB in [0, 1].

    Attributes:
        mean: of the red, green and blue channel.
        std: likewise, positive.
    """

    mean: Triple
    std: Triple

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.mean + self.std)) or min(self.std) <= 0:
            raise WeightsError(f"an input convention needs a finite mean and a positive std, not '{self}'")

    def __str__(self) -> str:
        mean, std = (",".join(map(repr, triple)) for triple in (self.mean, self.std))
        return f"RGB in [0,1], normalised with mean {mean} and std {std}"

    @classmethod
    def parse(cls, text: str) -> InputConvention:
        """Read the form that ``str()`` writes.

        Raises:
            WeightsError: the text has another form.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise WeightsError(
                f"the input convention '{text}' is not of the form "
                "'RGB in [0,1], normalised with mean a,b,c and std d,e,f'"
            )
        a, b, c, d, e, f = map(float, match.groups())
        return cls((a, b, c), (d, e, f))


TORCHVISION = InputConvention((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What torchvision's ImageNet classifiers are trained with."""

CAFFE = InputConvention((123.68 / 255, 116.779 / 255, 103.939 / 255), (1.0, 1.0, 1.0))
"""The convention of Caffe weights after :func:`fold_caffe`."""


def fold_caffe(weight: Tensor) -> Tensor:
    """Turn the first kernel of a Caffe network into one that follows :data:`CAFFE`.

    A Caffe network sees 255·BGR less the mean (103.939, 116.779, 123.68), that is 255 times the flipped
    ``RGB - mean/255``. Flip and factor go into the kernel; the mean stays outside, because zero padding is
    added after it is subtracted, and only so the result is exact at the borders as well.

    Args:
        weight: ``(N, 3, k, k)``, input channels BGR for 0…255.

    Returns:
        ``(N, 3, k, k)``, input channels RGB for 0…1.
    """
    return weight.flip(1) * 255
