"""Every error is one of ours, survives the way to another process, and names what is near."""

from __future__ import annotations

import pickle

import pytest

import nst_core
from nst_core import errors
from nst_core.errors import BrokenContractError, NstError, is_out_of_memory, unknown_name

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_ours_public_and_explained(cls):
    assert issubclass(cls, NstError)
    assert getattr(nst_core, cls.__name__) is cls
    assert cls.__doc__
    assert cls.__name__ in errors.__all__


@pytest.mark.parametrize("cls", CLASSES)
def test_errors_can_be_sent_to_another_process(cls):
    error = cls("loss", "mine", "gave nothing") if cls is BrokenContractError else cls("what went wrong")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), vars(again)) == (cls, str(error), vars(error))


def test_a_broken_promise_names_the_component():
    error = BrokenContractError("loss", "mine", "gave nothing")
    assert str(error) == "loss 'mine' gave nothing"
    assert (error.kind, error.name, error.problem) == ("loss", "mine", "gave nothing")


@pytest.mark.parametrize(
    ("name", "choices", "hint", "message"),
    [
        ("adm", ["lbfgs", "adam"], "", "unknown optimizer 'adm'; did you mean 'adam'? There are: adam, lbfgs."),
        ("xyz", ["lbfgs", "adam"], "", "unknown optimizer 'xyz'. There are: adam, lbfgs."),
        ("xyz", [], "", "unknown optimizer 'xyz'. There are none."),
        ("xyz", ["a"], "See there.", "unknown optimizer 'xyz'. There are: a. See there."),
        ("xyz", [f"name-{number}" for number in range(41)], "", "unknown optimizer 'xyz'."),
    ],
)
def test_unknown_names_list_near_ones_first_and_all_where_they_are_few(name, choices, hint, message):
    error = unknown_name("optimizer", name, choices, hint)
    assert str(error) == message
    assert isinstance(error, errors.JobError)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("shapes differ"), False),
        (KeyboardInterrupt(), False),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("std::bad_alloc"), True),
    ],
)
def test_memory_that_ran_out_is_recognised_on_any_device(error, memory):
    assert is_out_of_memory(error) is memory


def test_long_unknown_names_are_cut():
    error = unknown_name("optimizer", "lbfgs" * 100_000, ["lbfgs", "adam"])
    assert len(str(error)) < 200
    assert "lbfgslbfgs" in str(error)
