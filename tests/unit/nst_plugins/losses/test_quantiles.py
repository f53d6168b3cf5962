"""Quantiles of targets are computed once, also where several styles take turns."""

from __future__ import annotations

import torch

from nst_core import FeatureMaps
from nst_plugins.losses.quantiles import Remembered, quantiles


def test_targets_that_take_turns_are_sorted_once():
    remembered, seen = Remembered(), []
    targets = [torch.rand(1, 2, 3, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]

    def rows(target):
        seen.append(target)
        return target

    for count in (5, 5, 7):
        for target in targets:
            found = remembered("a", FeatureMaps({"a": target}), rows, count)
            assert torch.equal(found, quantiles(target.flatten(2)[0], count))
    assert len(seen) == 4
    remembered("b", FeatureMaps({"b": targets[1]}), rows, 5)
    assert len(seen) == 5


def test_regions_of_one_target_have_quantiles_of_their_own():
    target = torch.arange(8.0).reshape(1, 1, 2, 4)
    left = torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(1, 1, 2, 4)
    remembered = Remembered()
    for weight, expected in (
        (left, [0.0, 1.0, 4.0, 5.0]),
        (1 - left, [2.0, 3.0, 6.0, 7.0]),
        (left, [0.0, 1.0, 4.0, 5.0]),
    ):
        found = remembered("a", FeatureMaps({"a": target}, {"a": weight}), lambda rows: rows, 4)
        assert found.tolist() == [expected]


def test_the_oldest_targets_are_forgotten():
    remembered, seen = Remembered(), []

    def rows(target):
        seen.append(target)
        return target

    targets = [torch.rand(1, 1, 1, 4) for _ in range(Remembered.MOST + 1)]
    for target in (*targets, targets[-1], targets[0]):
        remembered("a", FeatureMaps({"a": target}), rows, 4)
    assert len(seen) == len(targets) + 1
