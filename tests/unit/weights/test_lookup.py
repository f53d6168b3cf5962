"""Finding weight sets: by path, by name, or the default."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from toy_weights import TOY, tensors, with_official

from nst_core import UnknownNameError, WeightsError
from nst_core.weights import (
    CAFFE,
    TORCHVISION,
    find,
    home,
    import_file,
    locate,
    resolve_path,
    scan_embedded,
    scan_store,
    several,
    sha256,
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


@pytest.fixture
def packaged(tmp_path):
    """The toy network with weights in its package, and official ones that nobody may download."""
    content = tensors(9)
    rms = '{"one": 1.0, "two": 1.0}'
    save_file(content, tmp_path / "inside.safetensors", {"architecture": "toy", "input": str(CAFFE), "layer_rms": rms})
    torch.save(tensors(5), tmp_path / "official.pth")
    architecture = with_official(tmp_path / "official.pth")
    (tmp_path / "official.pth").unlink()
    return dataclasses.replace(architecture, embedded=tmp_path / "inside.safetensors")


def test_embedded_weights_are_the_default_and_have_a_name(packaged, state_dict):
    inside = packaged.embedded
    for weights in ("", "toy", "toy-embedded"):
        assert find(weights, packaged).path == inside
    assert resolve_path("toy-embedded", {"toy": packaged}) == resolve_path("toy", {"toy": packaged}) == inside
    assert verify("toy-embedded", {"toy": packaged}).path == inside
    with pytest.raises(UnknownNameError, match="unknown weight set 'toy-embeded'; did you mean 'toy-embedded'"):
        find("toy-embeded", packaged)
    with pytest.raises(UnknownNameError):
        resolve_path("toy-embedded")


def test_the_hub_cache_does_not_change_the_default(packaged, tmp_path):
    cached = Path(torch.hub.get_dir()) / "checkpoints" / "official.pth"
    cached.parent.mkdir(parents=True)
    torch.save(tensors(5), cached)
    assert find("", packaged).path == packaged.embedded


@pytest.mark.parametrize("name", ["toy", "mine"])
def test_the_store_comes_before_embedded_weights(packaged, state_dict, name):
    stored = import_file(state_dict, packaged, name)
    assert find("", packaged).path == stored.path
    assert find("toy", packaged).path == (stored.path if name == "toy" else packaged.embedded)
    assert find("toy-embedded", packaged).path == packaged.embedded


def test_embedded_weights_are_located_by_their_hash(packaged, state_dict):
    embedded = sha256(packaged.embedded)
    assert locate(embedded, "", packaged) == ""
    stored = import_file(state_dict, packaged, "toy")
    for weights in ("", "toy", "gone"):
        assert locate(embedded, weights, packaged) == "toy-embedded"
        assert locate(stored.sha256, weights, packaged) == "toy"
    assert find(locate(embedded, "", packaged), packaged).sha256 == embedded


def test_names_of_embedded_weights_cannot_be_taken(packaged, state_dict):
    with pytest.raises(WeightsError, match=r"'toy-embedded' is reserved.*choose another one with --name"):
        import_file(state_dict, packaged, "toy-embedded")


def test_embedded_weights_are_listed_and_missing_files_are_failures(packaged):
    gone = dataclasses.replace(packaged, name="gone", embedded=packaged.embedded.with_name("gone.safetensors"))
    sets, failures = scan_embedded([TOY, packaged, gone])
    assert [(s.name, s.path) for s in sets] == [("toy-embedded", packaged.embedded)]
    assert ["gone.safetensors" in str(failure) for failure in failures] == [True]


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
