"""Finding weight sets: by path, by name, or the default."""

from __future__ import annotations

import os
import shutil

import pytest
import torch
from safetensors.torch import save_file
from toy_weights import TOY, tensors, with_official

from nst_core import UnknownNameError, WeightsError
from nst_core.weights import (
    TORCHVISION,
    find,
    find_local,
    home,
    import_file,
    locate,
    resolve_path,
    scan_store,
    several,
    stored_as,
    verify,
)


def test_the_newest_set_is_taken_where_none_has_the_networks_name(tmp_path):
    for seed, name in enumerate(("old", "new")):
        torch.save(tensors(seed), tmp_path / "w.pth")
        made = import_file(tmp_path / "w.pth", TOY, name)
        os.utime(made.path, (1000 + seed, 1000 + seed))
    assert find("", TOY).name == "new"


def test_the_set_with_the_networks_name_comes_before_newer_ones(state_dict):
    import_file(state_dict, TOY, "toy")
    newer = import_file(state_dict, TOY, "newer")
    os.utime(newer.path, (2**31, 2**31))
    assert find("", TOY).name == "toy"
    assert find_local(TOY).name == "toy"


@pytest.fixture
def two(tmp_path):
    """Two sets of different weights, the newer one last."""
    made = []
    for seed, name in enumerate(("old", "new")):
        torch.save(tensors(seed), tmp_path / "w.pth")
        made.append(import_file(tmp_path / "w.pth", TOY, name))
        os.utime(made[-1].path, (1000 + seed, 1000 + seed))
    return made


@pytest.mark.parametrize("weights", ["", "new", "gone", "some/where.safetensors"])
def test_weights_are_located_by_their_hash_whatever_was_said(two, weights):
    assert locate(two[0].sha256, weights, TOY) == stored_as(two[0].sha256) == "old"
    assert locate("ab" * 32, weights, TOY) == weights
    assert stored_as("ab" * 32) == ""


def test_what_was_said_is_kept_where_it_is_right(two, tmp_path):
    copy = str(shutil.copy(two[0].path, tmp_path / "copy.safetensors"))
    for weights in ("old", str(two[0].path), copy):
        assert locate(two[0].sha256, weights, TOY) == weights


def test_the_only_set_needs_no_name(state_dict):
    made = import_file(state_dict, TOY, "mine")
    assert locate(made.sha256, "", TOY) == ""
    assert several(find("", TOY)) == []


def test_several_sets_to_choose_from(two, tmp_path):
    assert several(find("", TOY)) == ["new", "old"]
    copy = str(shutil.copy(two[0].path, tmp_path / "copy.safetensors"))
    assert several(find(copy, TOY)) == []


def test_nothing_is_found_on_an_empty_machine():
    assert find_local(TOY) is None


def test_unknown_names_list_near_ones(state_dict):
    import_file(state_dict, TOY, "caffe-original")
    with pytest.raises(UnknownNameError, match="caffe-original"):
        resolve_path("caffe-orginal")
    with pytest.raises(WeightsError, match="does not exist"):
        resolve_path("some/where.safetensors")
    with pytest.raises(WeightsError, match="does not exist"):
        resolve_path("n" * 256 + ".pth")


def test_names_and_paths_are_resolved(state_dict):
    stored = import_file(state_dict, TOY, "mine")
    assert resolve_path("mine") == resolve_path(str(stored.path)) == stored.path
    assert resolve_path(str(state_dict)) == state_dict


def test_a_damaged_file_in_the_store_does_not_hide_the_others(state_dict):
    import_file(state_dict, TOY)
    (home() / "weights" / "bad.safetensors").write_bytes(b"nonsense")
    sets, failures = scan_store()
    assert [s.name for s in sets] == ["toy"]
    assert "bad.safetensors" in str(failures[0])
    assert find("", TOY).name == "toy"


def test_verify_checks_the_shapes_of_known_architectures_only(tmp_path):
    metadata = {"architecture": "toy", "input": str(TORCHVISION), "layer_rms": '{"one": 1.0, "two": 1.0}'}
    incomplete = {key: tensor for key, tensor in tensors().items() if key != "features.2.bias"}
    save_file(incomplete, tmp_path / "w.safetensors", metadata)
    path = str(tmp_path / "w.safetensors")
    assert verify(path).architecture == "toy"
    with pytest.raises(WeightsError, match="incomplete"):
        verify(path, {"toy": TOY})


def test_nothing_is_downloaded_where_it_is_not_allowed(official):
    with pytest.raises(WeightsError, match="no weights of toy"):
        find("", with_official(official), allow_download=False)
