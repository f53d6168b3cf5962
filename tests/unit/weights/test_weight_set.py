"""Weight sets: what their files state, and that changes are noticed."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file, save_file
from toy_weights import TOY, tensors

from nst_core import WeightsError
from nst_core.weights import CAFFE, find, import_file, read_weight_set, verify


def described(tmp_path, **changes):
    """A file by another program; ``None`` leaves a key of its metadata out."""
    metadata = {"architecture": "toy", "input": str(CAFFE), "layer_rms": '{"one": 2.0, "two": 3.0}', **changes}
    path = tmp_path / "gift.safetensors"
    save_file(tensors(), path, {key: value for key, value in metadata.items() if value is not None})
    return path


def test_the_metadata_is_read(tmp_path):
    weight_set = read_weight_set(described(tmp_path, source="a friend"), TOY)
    assert (weight_set.name, weight_set.preprocessing, weight_set.source) == ("gift", CAFFE, "a friend")
    assert (weight_set.license, weight_set.digest) == ("unknown", "")
    assert weight_set.layer_rms == {"one": 2.0, "two": 3.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architecture": None, "layer_rms": None},
            r"has no architecture, layer_rms in its metadata.*nst weights import",
        ),
        ({"architecture": "vgg16"}, "holds weights of vgg16, but toy is needed"),
        ({"layer_rms": "[1, 2]"}, "not a JSON object of numbers"),
        ({"layer_rms": '{"one": 1.0}'}, "layer_rms has no value for two"),
        ({"layer_rms": '{"one": 1.0, "two": 0}'}, "not positive and finite: two"),
        ({"input": "BGR"}, "invalid preprocessing 'BGR'"),
    ],
)
def test_metadata_that_is_not_valid_is_explained(tmp_path, changes, message):
    with pytest.raises(WeightsError, match=message):
        read_weight_set(described(tmp_path, **changes), TOY)


def test_altered_content_is_noticed(state_dict):
    made = import_file(state_dict, TOY)
    content = load_file(made.path)
    content["features.0.bias"] += 0.001
    metadata = {
        "architecture": "toy",
        "input": str(made.preprocessing),
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


def test_a_pth_file_is_not_used_in_place_but_says_how(state_dict):
    with pytest.raises(WeightsError, match="nst weights import"):
        find(str(state_dict), TOY)
