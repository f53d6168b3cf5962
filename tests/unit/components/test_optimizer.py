"""What an optimizer does where its author says nothing."""

from __future__ import annotations

import torch

from nst_core import Optimizer


class Recorder(Optimizer):
    """Notes where it is started."""

    def __init__(self) -> None:
        self.starts = []

    def start(self, variable, damping=1.0):
        self.starts.append((float(variable), damping))

    def step(self, loss, gradient):
        raise NotImplementedError

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_a_larger_level_and_another_objective_are_a_start():
    optimizer = Recorder()
    optimizer.continue_at(torch.tensor(1.0), Recorder())
    optimizer.objective_changed(torch.tensor(2.0))
    assert optimizer.starts == [(1.0, 1.0), (2.0, 1.0)]


def test_it_has_no_better_point_and_no_smaller_memory():
    assert Recorder().solution() is None
    assert Recorder().with_less_memory() is None
