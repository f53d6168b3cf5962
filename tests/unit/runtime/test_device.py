"""Devices that are not here: what must hold for them is held on the CPU, by tensors that refuse what those refuse."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from problems import problem_of
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nst_core import (
    DeviceError,
    Problem,
    Session,
    make_job,
)
from nst_core.diagnostics import checks
from nst_core.engine.loop import Loop
from nst_core.objective.features import FeatureNetwork
from nst_core.planning import cost_model as probe
from nst_core.runtime.device import choose_dtype, convolution_precision
from nst_plugins.optimizers.lbfgs import Lbfgs

MPS = torch.device("mps")
STYLES = [
    "gram-style",
    "gram-style:normalization=relative",
    "mean-std-style",
    "covariance-style",
    "w2-style",
    "w2-style:root=newton-schulz",
    "swd-style",
    "histogram-style",
    "nn-style",
]


class Apple(Tensor):
    """A tensor that takes itself for one of an Apple GPU; what is computed from it is one too."""


class OnApple(TorchFunctionMode):
    """Says that its tensors are on MPS, and refuses what there is not."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func == Tensor.device.__get__ and isinstance(args[0], Apple):
            return MPS
        if func is Tensor.cpu:
            return args[0].as_subclass(Tensor)
        if func is torch.linalg.eigh and isinstance(args[0], Apple):
            raise NotImplementedError("eigh is not implemented for MPS")
        moved = MPS in [a for a in (*args, *kwargs.values()) if isinstance(a, torch.device)]
        args = [torch.device("cpu") if isinstance(a, torch.device) else a for a in args]
        kwargs = {k: torch.device("cpu") if isinstance(a, torch.device) else a for k, a in kwargs.items()}
        result = func(*args, **kwargs)
        if moved:
            result = result.as_subclass(Apple)
        if isinstance(result, Apple) and result.dtype == torch.float64:
            raise TypeError(f"{func.__name__} makes a float64 tensor, and MPS has none")
        return result


@pytest.mark.parametrize(
    ("plugins", "optimizer"),
    [
        *(([style], "lbfgs") for style in STYLES),
        (["self-similarity-content", "tv", "range"], "adam:averaging=0.5"),
        (["laplacian"], "lbfgs:line_search=strong-wolfe"),
    ],
)
def test_nothing_needs_float64_on_the_device(registry, plugins, optimizer):
    content, style = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0)).split(1)
    options = {"extractor": "tiny", "precision": "fp32", "device": "cpu", "steps": 6}
    job = make_job(content, style, session=Session(registry), plugins=plugins, optimizer=optimizer, **options)
    expected = history_of(problem_of(job, registry, content, style))
    problem = problem_of(job, registry, content, style)
    with OnApple():
        found = history_of(replace(problem, variable=problem.variable.as_subclass(Apple)))
        problem.objective.normalized_weights(problem.variable.as_subclass(Apple), problem.targets)
    assert found == pytest.approx(expected, rel=1e-3)


def history_of(problem: Problem) -> list[float]:
    loop = Loop(problem, lambda _: problem.optimizer)
    while not loop.complete:
        loop.measure()
        if not loop.complete:
            loop.advance()
    return loop.history


def test_lbfgs_keeps_its_float64_numbers_off_the_device():
    optimizer = Lbfgs(history=3)
    optimizer.start(torch.zeros(1, 3, 4, 4))
    optimizer.step(1.0, torch.ones(1, 3, 4, 4))
    state = optimizer.state_dict()
    elsewhere = Lbfgs(history=3)
    elsewhere.start(torch.zeros(1, 3, 4, 4, device="meta"))
    elsewhere.load_state_dict(state)
    assert elsewhere.state_dict()["rows"].device.type == "meta"
    assert torch.equal(elsewhere.state_dict()["products"], state["products"])


def test_a_gpu_is_waited_for_before_and_after_what_is_timed(monkeypatch):
    events: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: events.append("wait"))
    probe._time(lambda: events.append("run"), torch.device("cuda"))
    assert events == ["run", "wait", "run", "wait"]


def test_the_doctor_tries_the_device_that_auto_chooses(monkeypatch):
    assert not any(name.startswith("a small run") for name in checks())
    monkeypatch.setattr("nst_core.diagnostics.choose_device", lambda _: torch.device("cuda:99"))
    assert "there is no device 'cuda:99' here" in checks()["a small run on cuda:99"]


def test_tf32_is_float32_on_gpus_that_have_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (int(device.index), 0))
    new, old = torch.device("cuda", 9), torch.device("cuda", 7)
    assert choose_dtype("tf32", new) == choose_dtype("fp32", new) == torch.float32
    with pytest.raises(DeviceError, match=r"'cuda:7' does not compute in tf32 \(CUDA capability 7.0; tf32"):
        choose_dtype("tf32", old)
    with pytest.raises(DeviceError, match=r"'cpu' does not compute in tf32 \(GPUs from NVIDIA do\)"):
        choose_dtype("tf32", torch.device("cpu"))


CUDA = torch.device("cuda")


@pytest.fixture
def convolutions():
    """Torch's setting for convolutions on GPUs, which is left as it was."""
    before = torch.backends.cudnn.conv.fp32_precision
    yield torch.backends.cudnn.conv
    torch.backends.cudnn.conv.fp32_precision = before


@pytest.mark.parametrize("before", ["tf32", "ieee", "none"])
def test_convolutions_are_exact_unless_tf32_was_asked_for(before, convolutions):
    convolutions.fp32_precision = before
    for precision, expected in (("fp32", "ieee"), ("tf32", "tf32"), ("bf16", before)):
        with pytest.raises(ZeroDivisionError), convolution_precision(precision, CUDA):
            assert convolutions.fp32_precision == expected
            1 / 0  # noqa: B018
        assert convolutions.fp32_precision == before
        with convolution_precision(precision, torch.device("cpu")):
            assert convolutions.fp32_precision == before


def test_runs_that_overlap_leave_the_setting_as_it_was(convolutions):
    convolutions.fp32_precision = "tf32"
    first, second = (convolution_precision("fp32", CUDA) for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert convolutions.fp32_precision == "ieee"
    second.__exit__(None, None, None)
    assert convolutions.fp32_precision == "tf32"


def test_targets_and_evaluations_are_computed_in_the_precision_of_the_job(registry, monkeypatch):
    session, image = Session(registry), torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    options = {"extractor": "tiny", "precision": "fp32", "device": "cpu"}
    prepared = session.prepare(make_job(image, image, session=session, **options), content=image, styles=[image])
    inside, seen, features = [], [], FeatureNetwork.features

    @contextmanager
    def noted(precision, device):
        inside.append((precision, device.type))
        yield
        inside.pop()

    def spied(self, *args):
        seen.extend(inside)
        return features(self, *args)

    for module in ("prepare", "problem"):
        monkeypatch.setattr(f"nst_core.engine.{module}.convolution_precision", noted)
    monkeypatch.setattr(FeatureNetwork, "features", spied)
    problem = replace(prepared, job=replace(prepared.job, precision="tf32")).problem()
    assert set(seen) == {("tf32", "cpu")}
    seen.clear()
    problem.evaluate()
    assert seen == [("tf32", "cpu")]
