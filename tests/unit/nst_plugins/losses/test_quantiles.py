"""Quantiles of targets are computed once, also where several styles take turns."""

from __future__ import annotations

import torch

from nst_plugins.losses.quantiles import Remembered, quantiles


def test_targets_that_take_turns_are_sorted_once():
    remembered, seen = Remembered(), []
    targets = [torch.rand(2, 9, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]

    def rows(target):
        seen.append(target)
        return target

    for count in (5, 5, 7):
        for target in targets:
            assert torch.equal(remembered("a", target, rows, count), quantiles(target, count))
    assert len(seen) == 4
    assert torch.equal(remembered("b", targets[1], rows, 5), quantiles(targets[1], 5))
    assert len(seen) == 5


def test_the_oldest_targets_are_forgotten():
    remembered, seen = Remembered(), []

    def rows(target):
        seen.append(target)
        return target

    targets = [torch.rand(1, 4) for _ in range(Remembered.MOST + 1)]
    for target in (*targets, targets[-1], targets[0]):
        remembered("a", target, rows, 4)
    assert len(seen) == len(targets) + 1
