"""`nst export` and its files: the same numbers as the extractor, in any size, and clear errors."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from installed import install
from scriptable import NumpyExtractor, PlainExtractor, StackExtractor, StackNetwork

from nst_core import Component, ExportError, NstError, export_extractor
from nst_core.export import torchscript
from nst_core.plugins.discovery import default_registry


def read(path) -> tuple[torch.nn.Module, dict]:
    module, extra = torchscript.load(Path(path), ("nst.json",))
    return module, json.loads(extra["nst.json"])


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("extractor", [StackExtractor(), StackExtractor(average=True), PlainExtractor()])
def test_a_torchscript_file_is_the_network_in_any_size_and_batch(tmp_path, extractor, dtype):
    layers = list(extractor.taps())[::-1]
    done = export_extractor("it", extractor, tmp_path / "it.ts", layers=layers, dtype=dtype)
    assert done.difference.features <= 1e-5
    assert done.difference.gradient <= 1e-5
    module, metadata = read(done.path)
    assert [layer["name"] for layer in metadata["layers"]] == layers
    assert not any(p.requires_grad for p in module.parameters())
    live = extractor.build(layers).to(next(module.parameters()).dtype).to(memory_format=torch.channels_last)
    for size in ((1, 3, 8, 8), (2, 3, 31, 17), (5, 3, 64, 9)):
        image = torch.rand(size, generator=torch.Generator().manual_seed(size[0]), requires_grad=True)
        found, true = module(image), live(image)
        for a, b in zip(found, true, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
        gradients = [
            torch.autograd.grad(sum(f.float().square().sum() for f in maps), image)[0] for maps in (found, true)
        ]
        torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


def test_the_file_says_what_it_is(tmp_path):
    done = export_extractor("stack", StackExtractor(), tmp_path / "it.pt")
    _, metadata = read(done.path)
    assert metadata == done.metadata
    assert metadata["layers"] == [
        {"name": "conv1", "channels": 16, "stride": 1, "receptive_field": 3},
        {"name": "conv2", "channels": 32, "stride": 2, "receptive_field": 8},
    ]
    assert metadata["input"] == "RGB in [0,1], (B,3,H,W)"
    assert metadata["versions"]["torch"] == torch.__version__
    assert (metadata["format"], metadata["dtype"], metadata["smallest"]) == (2, "fp32", 2)
    stack = metadata["stack"]
    assert (stack["kinds"], stack["taps"]) == (["conv", "relu", "max-pool", "conv"], [0, 3])
    assert stack["mean"] == pytest.approx([0.485, 0.456, 0.406], rel=1e-6)
    assert stack["weights"] == ["first.weight", "second.weight"]


def test_an_extractor_that_chooses_is_exported_as_the_one_that_it_chose(tmp_path):
    class Choosing(PlainExtractor):
        def pinned(self):
            return Component("vgg19-lite")

    done = export_extractor("auto", Choosing(), tmp_path / "it.ts", layers=["conv1_2"])
    assert done.metadata["extractor"] == "vgg19-lite"
    assert done.metadata["weights"]["source"]
    assert done.metadata["weights"]["license"]


def test_a_network_that_is_no_stack_is_exported_without_one(tmp_path):
    assert export_extractor("plain", PlainExtractor(), tmp_path / "it.ts").metadata["stack"] is None


@pytest.mark.parametrize("extractor", [StackExtractor(), PlainExtractor()])
def test_a_pt2_file_takes_any_batch_and_size(tmp_path, extractor):
    done = export_extractor("it", extractor, tmp_path / "it.pt2")
    extra = {"nst.json": ""}
    network = torch.export.load(done.path, extra_files=extra).module()
    metadata = json.loads(extra["nst.json"])
    live = extractor.build([layer["name"] for layer in metadata["layers"]])
    least = metadata["smallest"]
    for size in ((1, 3, least, least), (3, 3, least + 9, least + 20)):
        image = torch.rand(size, generator=torch.Generator().manual_seed(1))
        for a, b in zip(network(image), live(image), strict=True):
            torch.testing.assert_close(a, b)


def test_a_file_with_other_numbers_is_not_kept(tmp_path, monkeypatch):
    target = tmp_path / "it.ts"
    target.write_text("an older file")
    original = torchscript.save

    def spoilt(module, path, extra):
        next(module.parameters()).data.mul_(1.001)
        original(module, path, extra)
        next(module.parameters()).data.div_(1.001)

    monkeypatch.setattr(torchscript, "save", spoilt)
    with pytest.raises(ExportError, match=r"features differ .* by 0\.00\d+ .* no file was written"):
        export_extractor("plain", PlainExtractor(), target)
    assert [p.name for p in tmp_path.iterdir()] == ["it.ts"]
    assert target.read_text() == "an older file"


def test_a_stack_that_is_not_what_the_network_does_is_noticed(tmp_path):
    class Wrong(StackNetwork):
        def order(self):
            return [1, 0]

    class WrongExtractor(StackExtractor):
        def network(self, layers):
            return Wrong(layers, average=False)

    with pytest.raises(ExportError, match="described stack"):
        export_extractor("wrong", WrongExtractor(), tmp_path / "it.ts")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_scripted_is_named_with_its_place(tmp_path):
    with pytest.raises(ExportError) as caught:
        export_extractor("numpy", NumpyExtractor(), tmp_path / "it.ts")
    message = str(caught.value)
    assert "NumpyNetwork cannot be compiled to TorchScript" in message
    assert re.search(r'scriptable.py", line \d+\n    brightness = image.numpy\(', message)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_named_with_its_place(tmp_path):
    with pytest.raises(ExportError, match=r"(?s)cannot be exported by torch.export: .*scriptable.py.*image.numpy\("):
        export_extractor("numpy", NumpyExtractor(), tmp_path / "it.pt2")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def command(nst, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(install(tmp_path / "more", "more", "more", "scriptable")), *sys.path])
    default_registry.cache_clear()
    return nst


def test_the_command_writes_compares_and_prints_the_path(command):
    done = command("export", "stack:average=true", "--layers", "conv2, relu1", "-o", "it.ts")
    assert (done.code, done.out) == (0, "it.ts\n")
    assert "largest relative difference to the live extractor: features 0, image gradient" in done.err
    module, metadata = read("it.ts")
    assert [f.shape[1] for f in module(torch.rand(1, 3, 8, 8))] == [32, 16]
    assert metadata["extractor"] == "stack"
    assert command("export", "plain", "-o", "it.pt2", "--dtype", "bf16").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stuck", "-o", "it.ts"), "unknown extractor 'stuck'; did you mean 'stack'"),
        (("stack", "-o", "it.ts", "--layers", "conv1,conv3"), "unknown layer 'conv3'"),
        (("stack", "-o", "it.ts", "--layers", "conv1,conv1"), "layer 'conv1' is named twice"),
        (("stack", "-o", "it.onnx"), "cannot tell the format of 'it.onnx'"),
        (("stack", "-o", "it.ts", "--format", "pt2"), "the suffix of torchscript, but the format asked for is pt2"),
        (("stack", "-o", "it.ts", "--format", "onnx"), "unknown format 'onnx'"),
        (("stack", "-o", "it.ts", "--dtype", "fp16"), "unknown dtype 'fp16'"),
        (("stack", "-o", "none/it.ts"), "the folder 'none' does not exist"),
        (("stack", "-o", "it.ts", "--weights", "w"), "parameter of 'stack'"),
        (("numpy", "-o", "it.ts"), "cannot be compiled to TorchScript"),
    ],
)
def test_bad_input_is_explained_with_code_2(command, arguments, message):
    done = command("export", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not list(Path().glob("*it*"))


def test_help_says_what_is_deprecated(command):
    said = " ".join(command("export", "--help").out.split())
    assert "PyTorch has deprecated TorchScript" in said
    assert "compute features only" in said


def test_the_pattern_of_a_broken_weight_set_stays_an_error_of_ours(tmp_path):
    class Broken(StackExtractor):
        def network(self, layers):
            raise NstError("the weights are missing")

    with pytest.raises(NstError, match="weights are missing"):
        export_extractor("broken", Broken(), tmp_path / "it.ts")
    assert list(tmp_path.iterdir()) == []
