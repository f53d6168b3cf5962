"""Ctrl-C between two levels: what the smaller ones made is not lost."""

from __future__ import annotations

import pytest
import torch
from tiny import TinyExtractor, plugin, tiny_registry
from torch import nn

from nst_core import Session, make_job, run, save_image
from nst_core.engine.checkpoint import Checkpoint

SCALES = {"levels": "28,56", "steps": 14, "precision": "fp32", "device": "cpu", "extractor": "stopping"}


class Stopping(nn.Module):
    """Ctrl-C at a pass of the network, counted from when it was set."""

    passes = 0

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image):
        Stopping.passes -= 1
        if Stopping.passes == 0:
            raise KeyboardInterrupt
        return self.network(image)


class StoppingExtractor(TinyExtractor):
    """The tiny network, stopping."""

    def network(self, layers):
        return Stopping(super().network(layers))


REGISTRY = tiny_registry(("stopping", plugin(extractors={"stopping": StoppingExtractor})))


@pytest.fixture
def images(tmp_path) -> tuple[str, str]:
    for seed, name in enumerate(("content.png", "style.png")):
        save_image(torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(seed)), tmp_path / name)
    return str(tmp_path / "content.png"), str(tmp_path / "style.png")


def stop_in(passes: int, after: int = 14):
    """After that step, Ctrl-C at the pass of that number: two make the targets of the next scale."""

    def watch(step):
        if step.number == after:
            Stopping.passes = passes

    return watch


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("passes", [1, 3], ids=["while targets are computed", "in the first evaluation"])
def test_ctrl_c_early_in_a_scale_gives_the_result_of_the_one_before(images, tmp_path, passes, optimizer):
    job = make_job(*images, session=Session(REGISTRY), optimizer=optimizer, **SCALES)
    whole = run(job, session=Session(REGISTRY))
    kept = Checkpoint(tmp_path / "run.ckpt", every=1e6)
    stopped = run(job, session=Session(REGISTRY), observers=[stop_in(passes)], checkpoint=kept)
    assert stopped.stopped == "cancelled"
    assert [(stage.size, stage.evaluations) for stage in stopped.levels] == [(28, 14)]
    assert stopped.history == whole.history[:14]
    assert stopped.total == min(stopped.history)
    assert stopped.image.shape == (1, 3, 20, 28)
    assert stopped.job == whole.job

    seen: list[int] = []
    resumed = run(job, session=Session(REGISTRY), observers=[lambda step: seen.append(step.number)], checkpoint=kept)
    assert seen[0] == 15
    assert torch.equal(resumed.image, whole.image)
    assert resumed.history == whole.history
    assert [stage.evaluations for stage in resumed.levels] == [14, 7]


def test_ctrl_c_where_no_scale_is_done_is_passed_on(images):
    Stopping.passes = 1
    with pytest.raises(KeyboardInterrupt):
        run(make_job(*images, session=Session(REGISTRY), **SCALES), session=Session(REGISTRY))


@pytest.mark.parametrize(("passes", "after", "sizes"), [(1, 14, [28]), (2, 15, [28, 56])])
def test_a_disk_that_is_full_at_ctrl_c_does_not_cost_the_result(images, tmp_path, monkeypatch, passes, after, sizes):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nst_core.engine.checkpoint.save_file", full)
    job = make_job(*images, session=Session(REGISTRY), **SCALES)
    kept = Checkpoint(tmp_path / "run.ckpt", every=1e6)
    stopped = run(job, session=Session(REGISTRY), observers=[stop_in(passes, after)], checkpoint=kept)
    assert stopped.stopped == "cancelled"
    assert [stage.size for stage in stopped.levels] == sizes
    assert "cannot be written" in stopped.remarks[-1]
