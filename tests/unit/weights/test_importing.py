"""Importing weight files: accepted forms, refused files."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from toy_weights import BY_LAYER, TOY, measure, same_tensors, tensors

from nst_core import WeightsError
from nst_core.weights import CAFFE, TORCHVISION, find, home, import_file, list_weight_sets, scan_store
from nst_core.weights.store import writing


def test_a_state_dict_is_stripped_measured_and_kept(state_dict):
    made = import_file(state_dict, TOY)
    assert made.path == home() / "weights" / "toy.safetensors"
    assert same_tensors(made.tensors(), tensors())
    assert made.layer_rms == pytest.approx(measure(tensors(), TORCHVISION))
    assert made.preprocessing == TORCHVISION
    assert hashlib.sha256(state_dict.read_bytes()).hexdigest() in made.source
    assert [s.name for s in list_weight_sets()] == ["toy"]
    assert find("", TOY).sha256 == find("toy", TOY).sha256 == find(str(made.path), TOY).sha256 == made.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {k.removeprefix("features."): v for k, v in t.items()},
        lambda t: {f"module.{k}": v for k, v in t.items()},
        lambda t: {"state_dict": t, "epoch": 3},
        lambda t: {k: v.double() for k, v in t.items()},
        lambda t: {"epoch": 3, "state_dict": {k.replace("features.", "features.module."): v for k, v in t.items()}},
        lambda t: {
            "model": {"net": {f"backbone.{k}": v for k, v in t.items()}},
            "optimizer": {0: {"exp_avg": torch.ones(4)}},
        },
    ],
    ids=["features only", "data parallel", "checkpoint", "double", "parallel features", "nested"],
)
def test_state_dicts_of_other_forms(tmp_path, change):
    torch.save(change(tensors()), tmp_path / "other.pth")
    assert same_tensors(import_file(tmp_path / "other.pth", TOY).tensors(), tensors())


@pytest.mark.parametrize("requested", ["auto", "torchvision"])
def test_files_that_name_their_tensors_by_layer_are_made_for_caffe(tmp_path, requested):
    content = {BY_LAYER[key]: tensor for key, tensor in tensors().items()}
    torch.save(content, tmp_path / "conv.pth")
    save_file(content, tmp_path / "conv.safetensors")
    for path in list(tmp_path.iterdir()):
        made = import_file(path, TOY, f"from{path.suffix}", requested)
        assert made.preprocessing == (CAFFE if requested == "auto" else TORCHVISION)
        first = tensors()["features.0.weight"]
        assert torch.equal(made.tensors()["features.0.weight"], first.flip(1) * 255 if requested == "auto" else first)


def test_the_keys_of_a_file_of_another_network_are_shown(tmp_path):
    torch.save({f"stage{i}.weight": torch.ones(2) for i in range(6)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        import_file(tmp_path / "w.pth", TOY)
    assert "4 are missing (features.0.weight, features.0.bias, features.2.weight, features.2.bias)" in str(caught.value)
    assert "it has stage0.weight, stage1.weight, stage2.weight, stage3.weight, …" in str(caught.value)


def test_a_safetensors_file_keeps_what_it_says_of_itself(tmp_path):
    metadata = {
        "architecture": "toy",
        "input": str(CAFFE),
        "layer_rms": '{"one": 2.0, "two": 3.0}',
        "source": "a friend",
        "license": "MIT",
    }
    save_file(tensors(), tmp_path / "gift.safetensors", metadata)
    made = import_file(tmp_path / "gift.safetensors", TOY, "mine")
    assert (made.name, made.preprocessing, made.layer_rms) == ("mine", CAFFE, {"one": 2.0, "two": 3.0})
    assert (made.source, made.license) == ("a friend", "MIT")
    # It can also be used where it lies.
    assert find(str(tmp_path / "gift.safetensors"), TOY).layer_rms == made.layer_rms


def test_caffe_weights_give_what_caffe_computes_borders_included(tmp_path):
    raw = tensors()
    torch.save(raw, tmp_path / "caffe.pth")
    made = import_file(tmp_path / "caffe.pth", TOY, preprocessing="caffe")
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    bgr = image.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    expected = F.conv2d(bgr, raw["features.0.weight"], raw["features.0.bias"], padding=1)
    mean, std = (
        torch.tensor(values).reshape(1, 3, 1, 1) for values in (made.preprocessing.mean, made.preprocessing.std)
    )
    seen = (image - mean) / std
    kept = made.tensors()
    found = F.conv2d(seen, kept["features.0.weight"], kept["features.0.bias"], padding=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)


def test_a_stated_preprocessing_is_not_overridden(tmp_path):
    save_file(tensors(), tmp_path / "stated.safetensors", {"input": str(TORCHVISION)})
    with pytest.raises(WeightsError, match="omit --preprocessing caffe"):
        import_file(tmp_path / "stated.safetensors", TOY, preprocessing="caffe")


def test_the_preprocessing_of_well_known_files_is_recognised_by_their_hash(state_dict):
    prefix = hashlib.sha256(state_dict.read_bytes()).hexdigest()[:8]
    known = dataclasses.replace(TOY, known_files={prefix: "caffe"})
    assert import_file(state_dict, known, "recognised").preprocessing == CAFFE
    assert import_file(state_dict, TOY, "unknown").preprocessing == TORCHVISION


def test_names_are_not_taken_twice_and_can_be_replaced(state_dict):
    import_file(state_dict, TOY, "one")
    with pytest.raises(WeightsError, match=r"already.*--overwrite"):
        import_file(state_dict, TOY, "one")
    torch.save(tensors(1), state_dict)
    assert same_tensors(import_file(state_dict, TOY, "one", overwrite=True).tensors(), tensors(1))
    with pytest.raises(WeightsError, match="invalid weight set name"):
        import_file(state_dict, TOY, "../outside")


def test_two_imports_under_one_name_do_not_disturb_each_other(state_dict):
    with writing("one"):
        with pytest.raises(WeightsError, match=r"another nst is writing the weight set 'one'; .*--name"):
            import_file(state_dict, TOY, "one", overwrite=True)
        assert import_file(state_dict, TOY, "two").name == "two"
    assert import_file(state_dict, TOY, "one").name == "one"
    assert sorted(p.name for p in (home() / "weights").iterdir()) == ["one.safetensors", "two.safetensors"]


def test_an_import_may_wait_for_another(state_dict):
    taken = threading.Event()

    def other() -> None:
        with writing("one"):
            taken.set()
            time.sleep(0.2)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(other)
        taken.wait()
        assert import_file(state_dict, TOY, "one", wait=True).name == "one"


class Evil:
    def __reduce__(self):
        return os.system, ("exit 1",)


def broken(kind, folder):
    path = folder / ("w.safetensors" if kind in ("cut safetensors", "wrong metadata") else "w.pth")
    if kind == "missing tensors":
        torch.save({k: v for k, v in tensors().items() if k != "features.2.bias"}, path)
    elif kind == "other network":
        torch.save({"stem.weight": torch.zeros(3, 3)}, path)
    elif kind == "other shapes":
        torch.save({k: v.flatten() for k, v in tensors().items()}, path)
    elif kind == "nan":
        torch.save(tensors() | {"features.0.bias": torch.full((4,), torch.nan)}, path)
    elif kind == "integers":
        torch.save({k: v.int() for k, v in tensors().items()}, path)
    elif kind == "code":
        path.write_bytes(pickle.dumps({"features.0.weight": Evil()}, protocol=2))
    elif kind == "cut short":
        torch.save(tensors(), path)
        path.write_bytes(path.read_bytes()[:-400])
    elif kind == "cut safetensors":
        save_file(tensors(), path)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "wrong metadata":
        save_file(tensors(), path, {"architecture": "vgg16"})
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "web page":
        path.write_text("<!doctype html><title>404</title>")
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing tensors", r"incomplete.*features\.2\.bias"),
        ("other network", "another architecture"),
        ("other shapes", "another shape"),
        ("nan", r"features\.0\.bias.*NaN"),
        ("integers", "floating-point"),
        ("code", "contains code.*system.*safetensors"),
        ("cut short", "truncated or damaged"),
        ("cut safetensors", "truncated or damaged"),
        ("wrong metadata", "weights of vgg16, not of toy"),
        ("empty", "empty"),
        ("web page", "a web page"),
        ("folder", "folder"),
        ("absent", "cannot read"),
    ],
)
def test_useless_files_are_refused_with_a_reason_and_leave_nothing(tmp_path, kind, message):
    with pytest.raises(WeightsError, match=message):
        import_file(broken(kind, tmp_path), TOY)
    assert scan_store() == ([], [])
    assert not list(home().rglob("*partial*"))
