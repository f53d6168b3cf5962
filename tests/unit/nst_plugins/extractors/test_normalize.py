"""The normalisation of images."""

from __future__ import annotations

import torch

from nst_core.weights import Preprocessing
from nst_plugins.extractors.normalize import Normalize

MEAN, STD = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)


def test_channels_are_shifted_and_divided():
    image = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    normalized = Normalize(Preprocessing(MEAN, STD))(image)
    for channel, (mean, std) in enumerate(zip(MEAN, STD, strict=True)):
        torch.testing.assert_close(normalized[:, channel], (image[:, channel] - mean) / std)


def test_it_stays_in_float32_in_a_network_of_bfloat16():
    normalize = Normalize(Preprocessing(MEAN, STD)).to(torch.bfloat16)
    assert normalize.mean.tolist() == torch.tensor(MEAN).reshape(1, 3, 1, 1).tolist()
    assert normalize(torch.zeros(1, 3, 2, 2, dtype=torch.bfloat16)).dtype == torch.float32
