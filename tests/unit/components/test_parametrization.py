"""What a parametrization does where its author says nothing."""

from __future__ import annotations

import torch

from nst_core import Parametrization
from nst_core.images.resize import resize


class Halves(Parametrization):
    """The variable is twice the image."""

    def encode(self, image):
        return 2 * image

    def decode(self, variable):
        return variable / 2

    def pull_back(self, variable, gradient):
        return gradient / 2


def test_the_next_level_begins_with_the_image_resized():
    variable = torch.rand(1, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    larger = Halves().resize(variable, (16, 12))
    torch.testing.assert_close(larger, 2 * resize(variable / 2, (16, 12)))
