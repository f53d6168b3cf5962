"""Weight files: taken in, found, verified, refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import urllib.error
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from toy_weights import TOY, measure, tensors, with_official

from nst_core import NstError, WeightsError
from nst_core.weights import CAFFE, TORCHVISION, fetch, find, home, import_file, list_sets, locate, scan, verify


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture
def state_dict(tmp_path):
    """A full state dict with a classifier that nobody needs."""
    path = tmp_path / "toy.pth"
    torch.save(tensors() | {"classifier.0.weight": torch.zeros(7, 5)}, path)
    return path


def test_a_state_dict_is_stripped_measured_and_kept(state_dict):
    made = import_file(state_dict, TOY)
    assert made.path == home() / "weights" / "toy.safetensors"
    assert same(made.tensors(), tensors())
    assert made.layer_rms == pytest.approx(measure(tensors(), TORCHVISION))
    assert made.input == TORCHVISION
    assert hashlib.sha256(state_dict.read_bytes()).hexdigest() in made.source
    assert [s.name for s in list_sets()] == ["toy"]
    assert find("", TOY).sha256 == find("toy", TOY).sha256 == find(str(made.path), TOY).sha256 == made.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {k.removeprefix("features."): v for k, v in t.items()},
        lambda t: {f"module.{k}": v for k, v in t.items()},
        lambda t: {"state_dict": t, "epoch": 3},
        lambda t: {k: v.double() for k, v in t.items()},
    ],
    ids=["features only", "data parallel", "checkpoint", "double"],
)
def test_state_dicts_of_other_forms(tmp_path, change):
    torch.save(change(tensors()), tmp_path / "other.pth")
    assert same(import_file(tmp_path / "other.pth", TOY).tensors(), tensors())


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
    assert (made.name, made.input, made.layer_rms) == ("mine", CAFFE, {"one": 2.0, "two": 3.0})
    assert (made.source, made.license) == ("a friend", "MIT")
    # It can also be used where it lies.
    assert find(str(tmp_path / "gift.safetensors"), TOY).layer_rms == made.layer_rms


def test_caffe_weights_give_what_caffe_computes_borders_included(tmp_path):
    raw = tensors()
    torch.save(raw, tmp_path / "caffe.pth")
    made = import_file(tmp_path / "caffe.pth", TOY, input_convention="caffe")
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    bgr = image.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    expected = F.conv2d(bgr, raw["features.0.weight"], raw["features.0.bias"], padding=1)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (made.input.mean, made.input.std))
    seen = (image - mean) / std
    kept = made.tensors()
    found = F.conv2d(seen, kept["features.0.weight"], kept["features.0.bias"], padding=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)


def test_names_are_not_taken_twice_and_can_be_replaced(state_dict):
    import_file(state_dict, TOY, "one")
    with pytest.raises(WeightsError, match=r"already.*--overwrite"):
        import_file(state_dict, TOY, "one")
    torch.save(tensors(1), state_dict)
    assert same(import_file(state_dict, TOY, "one", overwrite=True).tensors(), tensors(1))
    with pytest.raises(WeightsError, match="cannot name"):
        import_file(state_dict, TOY, "../outside")


def test_the_newest_set_is_taken_where_none_has_the_networks_name(tmp_path):
    for seed, name in enumerate(("old", "new")):
        torch.save(tensors(seed), tmp_path / "w.pth")
        made = import_file(tmp_path / "w.pth", TOY, name)
        os.utime(made.path, (1000 + seed, 1000 + seed))
    assert find("", TOY).name == "new"


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
        ("web page", "not a weight file"),
        ("folder", "folder"),
        ("absent", "cannot read"),
    ],
)
def test_useless_files_are_refused_with_a_reason_and_leave_nothing(tmp_path, kind, message):
    with pytest.raises(WeightsError, match=message):
        import_file(broken(kind, tmp_path), TOY)
    assert scan() == ([], [])
    assert not list(home().rglob("*partial*"))


def test_altered_content_is_noticed(state_dict):
    made = import_file(state_dict, TOY)
    content = load_file(made.path)
    content["features.0.bias"] += 0.001
    metadata = {
        "architecture": "toy",
        "input": str(made.input),
        "layer_rms": '{"one": 1.0, "two": 1.0}',
        "digest": made.digest,
    }
    save_file(content, made.path, metadata)
    with pytest.raises(WeightsError, match="altered"):
        verify("toy")
    with pytest.raises(WeightsError, match="altered"):
        find("toy", TOY).tensors()


def test_one_flipped_bit_is_noticed(state_dict):
    path = import_file(state_dict, TOY).path
    assert verify("toy").path == path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="altered or damaged"):
        verify("toy")


def test_a_damaged_file_in_the_store_does_not_hide_the_others(state_dict):
    import_file(state_dict, TOY)
    (home() / "weights" / "bad.safetensors").write_bytes(b"nonsense")
    sets, failures = scan()
    assert [s.name for s in sets] == ["toy"]
    assert "bad.safetensors" in str(failures[0])
    assert find("", TOY).name == "toy"


def test_unknown_names_list_near_ones(state_dict):
    import_file(state_dict, TOY, "caffe-original")
    with pytest.raises(NstError, match="caffe-original"):
        locate("caffe-orginal")
    with pytest.raises(WeightsError, match="does not exist"):
        locate("some/where.safetensors")


def test_a_pth_file_is_not_used_in_place_but_says_how(state_dict):
    with pytest.raises(WeightsError, match="nst weights import"):
        find(str(state_dict), TOY)


# Official weights


@pytest.fixture
def official(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    torch.save(tensors(5), folder / "toy-official.pth")
    return folder / "toy-official.pth"


def test_official_weights_are_downloaded_once(official):
    architecture, told = with_official(official), []
    made = find("", architecture, notify=told.append)
    assert same(made.tensors(), tensors(5))
    assert (made.name, made.source, made.license) == ("toy", "the toy maker", "CC0-1.0")
    assert "downloading toy (1 MB)" in told[0]
    official.unlink()
    assert find("", architecture).sha256 == fetch(architecture).sha256 == made.sha256
    assert [p.name for p in (home() / "weights").iterdir()] == ["toy.safetensors"]


def test_the_hub_cache_is_used_if_its_hash_is_right(official):
    architecture, told = with_official(official), []
    cached = Path(torch.hub.get_dir()) / "checkpoints" / official.name
    cached.parent.mkdir(parents=True)
    official.rename(cached)
    assert same(find("", architecture, notify=told.append).tensors(), tensors(5))
    assert not any("downloading" in t for t in told)

    (home() / "weights" / "toy.safetensors").unlink()
    cached.write_bytes(cached.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="cannot download"):
        find("", architecture, notify=told.append)
    assert any("damaged" in t for t in told)


def test_a_download_with_the_wrong_hash_is_refused(official):
    architecture = with_official(official)
    torch.save(tensors(6), official)
    with pytest.raises(WeightsError, match="altered on the way"):
        fetch(architecture, notify=lambda _: None)
    assert list((home() / "weights").iterdir()) == []


def test_without_network_the_ways_out_are_named(official, monkeypatch):
    architecture = with_official(official)

    def unreachable(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(WeightsError, match=r"(?s)no route to host.*nst weights import FILE.*--weights PATH"):
        find("", architecture, notify=lambda _: None)


def test_an_interrupted_download_leaves_nothing(official, monkeypatch):
    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("torch.hub.urlopen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(with_official(official), notify=lambda _: None)
    assert list((home() / "weights").iterdir()) == []


def test_nothing_is_downloaded_where_it_is_not_allowed(official):
    with pytest.raises(WeightsError, match="no weights of toy"):
        find("", with_official(official), allow_download=False)
