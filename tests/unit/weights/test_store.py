"""The store: names, and what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy_weights import TOY, same_tensors, tensors

from nst_core import WeightsError
from nst_core.weights import TORCHVISION, home, list_weight_sets, store_folder
from nst_core.weights.store import check_name_available, path_of, save


def save_toy(name="toy", values=None, **options):
    return save(name, values or tensors(), TOY, preprocessing=TORCHVISION, source="dice", license="CC0-1.0", **options)


def test_the_environment_moves_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_HOME", str(tmp_path))
    assert home() == tmp_path
    assert store_folder() == tmp_path / "weights"
    monkeypatch.setenv("NST_HOME", "~/elsewhere")
    assert home() == Path.home() / "elsewhere"
    monkeypatch.delenv("NST_HOME")
    assert home().name == "nst"


@pytest.mark.parametrize("name", ["", "../outside", "a b", ".hidden", "a/b"])
def test_names_that_are_not_valid_are_refused(name):
    with pytest.raises(WeightsError, match=r"invalid weight set name.*use only letters, digits"):
        path_of(name)


def test_a_taken_name_is_available_only_for_overwriting():
    check_name_available("toy", overwrite=False)
    save_toy()
    check_name_available("toy", overwrite=True)
    with pytest.raises(WeightsError, match="'toy' already exists"):
        check_name_available("toy", overwrite=False)


def test_a_given_rms_is_kept_and_a_missing_one_measured():
    assert save_toy(layer_rms={"one": 2.0, "two": 3.0, "other": 4.0}).layer_rms == {"one": 2.0, "two": 3.0}
    assert save_toy("measured").layer_rms.keys() == {"one", "two"}
    assert [s.name for s in list_weight_sets()] == ["measured", "toy"]


def test_what_the_architecture_does_not_require_is_dropped_and_the_rest_in_float32():
    values = {key: tensor.double() for key, tensor in tensors().items()}
    saved = save_toy(values={**values, "classifier.weight": torch.zeros(2, 2)})
    assert same_tensors(saved.tensors(), tensors())
