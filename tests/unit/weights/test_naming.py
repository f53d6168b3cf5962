"""Tensors are recognised whatever prefix and whatever known naming their keys have."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_weights import BY_LAYER, TOY, same_tensors, tensors

from nst_core import WeightsError
from nst_core.weights.naming import recognize

FORMS = {
    "own": lambda key: key,
    "features only": lambda key: key.removeprefix("features."),
    "by layer": BY_LAYER.get,
    "parallel features": lambda key: key.replace("features.", "features.module."),
    "parallel": lambda key: f"module.{key}",
    "compiled": lambda key: f"_orig_mod.{key}",
}


@pytest.mark.parametrize("form", FORMS)
@given(
    prefix=st.lists(st.sampled_from(["module", "model", "backbone", "state_dict", "net", "features", "0"]), max_size=4)
)
def test_any_prefix_and_any_known_naming(form, prefix):
    given = {".".join([*prefix, FORMS[form](key)]): tensor for key, tensor in tensors().items()}
    found = recognize(given, TOY, "w.pth")
    assert same_tensors(found.tensors, tensors())
    assert found.naming.preprocessing == ("caffe" if form == "by layer" else "torchvision")


def test_other_tensors_keep_their_keys_and_do_not_disturb():
    others = {
        "classifier.0.weight": tensors(3)["features.0.weight"],
        "model.features.9.bias": tensors(3)["features.2.bias"],
    }
    found = recognize({f"model.{key}": tensor for key, tensor in tensors().items()} | others, TOY, "w.pth")
    assert same_tensors(found.tensors, tensors() | others)


def test_what_is_of_another_network_is_as_it_was():
    others = {"stem.weight": tensors()["features.0.weight"]}
    assert same_tensors(recognize(others, TOY, "w.pth").tensors, others)


def test_keys_whose_tensors_have_other_shapes_are_known_all_the_same():
    flat = {f"model.{key}": tensor.flatten() for key, tensor in tensors().items()}
    assert recognize(flat, TOY, "w.pth").tensors.keys() == tensors().keys()


def test_weights_that_are_there_twice_are_refused():
    twice = {f"{prefix}.{key}": tensor for prefix in ("model", "ema") for key, tensor in tensors().items()}
    with pytest.raises(WeightsError, match=r"toy several times, under keys that begin with 'model.', 'ema.'; save one"):
        recognize(twice, TOY, "w.pth")


def test_of_two_the_complete_one_is_taken():
    complete = {f"ema.{key}": tensor for key, tensor in tensors().items()}
    partial = {"model.features.0.weight": tensors(1)["features.0.weight"]}
    assert same_tensors(recognize(partial | complete, TOY, "w.pth").tensors, tensors() | partial)


def test_parts_that_happen_to_fit_are_not_taken_for_weights_that_are_there_twice():
    parts = {f"layer{i}.0.bias": tensors()["features.0.bias"] for i in range(3)}
    assert len(recognize(parts, TOY, "w.pth").tensors) == 3


def test_a_network_without_a_common_prefix():
    shapes = {"stem.weight": (4, 3, 3, 3), "body.bias": (4,)}
    architecture = dataclasses.replace(TOY, shapes=shapes, other_namings=())
    given = {"model.stem.weight": tensors()["features.0.weight"], "model.body.bias": tensors()["features.0.bias"]}
    assert recognize(given, architecture, "w.pth").tensors.keys() == shapes.keys()
