"""Copies between the CPU and a device, and how many a step of the engine makes."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_registry
from waits import DEVICE, counting, on_device

from nst_core import Session, make_job
from nst_core.engine.loop import Loop
from nst_core.ops import to_device, to_host, transfer
from nst_plugins.optimizers.lbfgs import Lbfgs

REGISTRY = tiny_registry()
GENERATOR = torch.Generator().manual_seed(3)
CONTENT, STYLE = torch.rand(1, 3, 24, 32, generator=GENERATOR), torch.rand(1, 3, 28, 20, generator=GENERATOR)


def test_on_the_cpu_nothing_is_copied():
    values = (torch.rand(()), torch.tensor(True), torch.rand(2, 3, dtype=torch.float64))
    assert all(one is other for one, other in zip(to_host(*values), values, strict=True))
    assert to_device(values[0], torch.device("cpu")) is values[0]


def test_one_copy_brings_all_values_in_their_own_forms(monkeypatch):
    monkeypatch.setattr(transfer, "_copied", lambda packed: torch.arange(packed.numel(), dtype=packed.dtype))
    total = torch.zeros((), device=DEVICE)
    finite = torch.ones((), dtype=torch.bool, device=DEVICE)
    products = torch.zeros(2, 2, dtype=torch.float64, device=DEVICE)
    found = to_host(total, finite, products)
    assert [value.dtype for value in found] == [torch.float32, torch.bool, torch.float64]
    assert [value.tolist() for value in found] == [0.0, True, [[2.0, 3.0], [4.0, 5.0]]]
    assert to_device(torch.ones(3), DEVICE).device == DEVICE


def loop_there(monkeypatch: pytest.MonkeyPatch, **options: object) -> Loop:
    """A loop on the device without values, whose first gradient, which is measured once a level, has a mean of one."""
    defaults = {"preset": "content", "extractor": "tiny", "precision": "fp32", "device": "cpu", "steps": 20}
    session = Session(REGISTRY)
    job = make_job(CONTENT, STYLE, session=session, **{**defaults, **options})
    problem = on_device(session.prepare(job, content=CONTENT, styles=[STYLE]), monkeypatch)
    monkeypatch.setattr("nst_core.engine.loop.mean_absolute", lambda gradient: 1.0)  # noqa: ARG005
    monkeypatch.setattr("nst_plugins.optimizers.lbfgs._mean_absolute", lambda gradient: 1.0)  # noqa: ARG005
    return Loop(problem, lambda component: REGISTRY.create("optimizer", component))


def falling(loop: Loop):
    """Answers in which everything is one, and the loss falls with every evaluation."""

    def answer(length: int) -> torch.Tensor:
        values = torch.ones(length)
        values[0] = 0.99 ** len(loop.history)
        return values

    return answer


@pytest.mark.parametrize(
    ("options", "uploads"),
    [
        ({}, 2),  # weights of the losses, coefficients of L-BFGS
        ({"optimizer": "lbfgs:history=2"}, 2),
        ({"precision": "bf16"}, 2),
        ({"optimizer": "adam"}, 1),
        ({"plugins": ["tv"]}, 2),
        ({"plugins": ["covariance-style"]}, 2),
        ({"plugins": ["mean-std-style"]}, 2),
    ],
    ids=str,
)
def test_a_step_waits_for_the_device_once(options, uploads, monkeypatch):
    """Whatever else took a value would raise: there are none."""
    loop = loop_there(monkeypatch, **options)
    with counting(monkeypatch, falling(loop)):  # the first step asks for the size of the gradient
        loop.measure()
        loop.advance()
    for _ in range(4):
        with counting(monkeypatch, falling(loop)) as waits:
            measured = loop.measure()
            assert loop.advance()
        assert (len(waits.fetched), waits.uploads, waits.hidden) == (1, uploads, [])
        assert measured.total == loop.best.total
        assert measured.losses == (1.0,) * len(loop.weights)


def test_what_waits_without_saying_so_is_seen(monkeypatch):
    there = torch.zeros(3, device=DEVICE)
    with counting(monkeypatch, torch.zeros) as waits:
        there.new_tensor([1.0, 2.0])
        torch.tensor([1.0], device=DEVICE)
        there[[0, 2]]
        torch.ones(3).to(DEVICE)
        there.reshape(1, 3).to(torch.bfloat16)
        there[1:].new_zeros(4)
    assert waits.hidden == ["new_tensor", "tensor", "__getitem__", "to"]
    for wait in (float, bool, lambda x: x.tolist(), lambda x: x.cpu()):
        with pytest.raises((RuntimeError, NotImplementedError)):
            wait(there.sum())


def test_memory_that_runs_out_as_the_optimizer_looks_ahead_makes_it_remember_less(monkeypatch):
    loop, look_ahead = loop_there(monkeypatch), Lbfgs.look_ahead

    def full(self, gradient):
        if self._pairs == 2 and self.history == 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return look_ahead(self, gradient)

    monkeypatch.setattr(Lbfgs, "look_ahead", full)
    notes = []
    with counting(monkeypatch, falling(loop)):
        for _ in range(8):
            notes.append(loop.measure().note)
            assert loop.advance()
    assert [number for number, note in enumerate(notes) if note] == [3]
    assert "the optimizer remembers less" in notes[3]
    assert loop.state_dict()["optimizer_params"]["history"] == 10
    assert loop.state_dict()["optimizer"]["pairs"] == 3
