"""`nst weights`: what a user sees of the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nst_core.plugins.discovery import default_registry
from nst_core.weights import TORCHVISION


@pytest.fixture
def vgg19(nst):
    """A VGG-19 weight file of random numbers, with a scale, in the current folder."""
    del nst  # it made the folder
    architecture = default_registry().get("extractor", "vgg19").cls.architecture
    generator = torch.Generator().manual_seed(0)
    tensors = {k: torch.randn(s, generator=generator) * 0.03 for k, s in architecture.shapes.items()}
    rms = json.dumps(dict.fromkeys(architecture.calibrated_layers, 1.5))
    metadata = {"architecture": "vgg19", "input": str(TORCHVISION), "layer_rms": rms, "source": "dice"}
    path = Path("dice.safetensors")
    save_file(tensors, path, metadata)
    return path


def test_import_list_verify_path(nst, vgg19):
    embedded = [line.split("\t")[:2] for line in nst("weights", "list").out.splitlines()]
    assert embedded == [["vgg19-embedded", "vgg19"], ["vgg19-lite-embedded", "vgg19-lite"]]
    folder = Path(nst("weights", "path").out.strip())
    done = nst("weights", "import", str(vgg19), "--name", "mine")
    assert (done.code, done.out) == (0, f"{folder / 'mine.safetensors'}\n")
    assert nst("weights", "list").out.startswith("mine\tvgg19\tdice\nvgg19-embedded\t")
    told, *_ = json.loads(nst("weights", "list", "--json").out)
    assert (told["name"], told["license"], told["layer_rms"]["conv1_1"]) == ("mine", "unknown", 1.5)
    first, *others = nst("weights", "verify").out.splitlines()
    assert first == f"mine\tok\t{told['sha256']}"
    assert [line.split("\t")[:2] for line in others] == [["vgg19-embedded", "ok"], ["vgg19-lite-embedded", "ok"]]
    for name in ("vgg19", "vgg19-embedded"):
        assert nst("weights", "path", name).out.endswith("vgg19.safetensors\n")
    assert nst("weights", "path", "mine").out == f"{folder / 'mine.safetensors'}\n"
    again = nst("weights", "import", str(vgg19), "--name", "mine")
    assert again.code == 2
    assert "--overwrite" in again.err
    assert nst("weights", "import", str(vgg19), "--name", "mine", "--overwrite").code == 0


def test_verify_reports_every_damaged_set(nst, vgg19):
    for name in ("a", "b", "c"):
        nst("weights", "import", str(vgg19), "--name", name)
    folder = Path(nst("weights", "path").out.strip())
    for name in ("a", "b"):
        path = folder / f"{name}.safetensors"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    done = nst("weights", "verify")
    assert done.code == 2
    assert done.out.startswith("c\tok\t")
    assert done.err.count("altered or damaged") == 2
    report = json.loads(nst("weights", "verify", "--json").out)
    assert [(r["name"], r["ok"]) for r in report][:3] == [("a", False), ("b", False), ("c", True)]


def test_a_preprocessing_that_the_file_contradicts_is_refused(nst, vgg19):
    done = nst("weights", "import", str(vgg19), "--preprocessing", "caffe")
    assert done.code == 2
    assert "omit --preprocessing caffe" in done.err


def test_a_run_takes_weights_from_the_store_or_a_file(nst, vgg19):
    options = ("photo.jpg", "painting.png", "--steps", "2", "--size", "32", "--json", "--precision", "fp32")
    nst("weights", "import", str(vgg19))
    named = json.loads(nst("run", *options, "--weights", str(vgg19)).out)
    stored = json.loads(nst("run", *options).out)
    assert named["losses"] == stored["losses"]
    assert len(stored["job"]["weights_sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "none.pth"), "cannot read the weight file none.pth"),
        (("import", "photo.jpg"), "not a weight file"),
        (("fetch", "vgg91"), "unknown architecture 'vgg91'; did you mean 'vgg19'"),
        (("verify", "none"), "unknown weight set 'none'"),
        (("path", "none"), "unknown weight set 'none'"),
    ],
)
def test_bad_input_is_explained_with_code_2(nst, arguments, message):
    done = nst("weights", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.fixture
def no_network(monkeypatch):
    import urllib.error

    def unreachable(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", unreachable)


def test_vgg16_without_weights_and_network_says_how_to_obtain_them(nst, no_network):
    done = nst("run", "photo.jpg", "painting.png", "--size", "32", "-o", "o.png", "--extractor", "vgg16")
    assert (done.code, done.out) == (2, "")
    assert "no route to host" in done.err
    for way in ("nst weights fetch vgg16", "nst weights import FILE", "--weights PATH"):
        assert way in done.err
    assert not Path("o.png").exists()


def test_a_run_needs_neither_weights_nor_network(nst, no_network):
    done = nst("run", "photo.jpg", "painting.png", "--size", "32", "--steps", "2", "--json", "-o", "o.png")
    assert done.code == 0
    report = json.loads(done.out)
    assert (report["job"]["extractor"]["name"], report["remarks"]) == ("vgg19", [])
    embedded = next(r for r in json.loads(nst("weights", "list", "--json").out) if r["name"] == "vgg19-embedded")
    assert report["job"]["weights_sha256"] == embedded["sha256"]


def test_a_recipe_finds_its_weights_whatever_the_store_has_by_now(nst, vgg19):
    options = ("photo.jpg", "painting.png", "--steps", "2", "--size", "32", "--json", "--precision", "fp32")
    embedded = json.loads(nst("run", *options, "-o", "embedded.png").out)
    nst("weights", "import", str(vgg19), "--name", "vgg19")
    stored = json.loads(nst("run", *options, "-o", "stored.png").out)
    assert stored["job"]["weights_sha256"] != embedded["job"]["weights_sha256"]
    for made in (embedded, stored):
        again = json.loads(nst("run", "--from-image", made["output"], "--json", "-o", "again.png").out)
        assert again["losses"] == made["losses"]
        assert again["job"]["weights_sha256"] == made["job"]["weights_sha256"]
    named = json.loads(nst("run", *options, "--weights", "vgg19-embedded", "-o", "named.png").out)
    assert named["losses"] == embedded["losses"]


def test_weights_choose_between_the_networks(nst):
    options = ("photo.jpg", "painting.png", "--steps", "2", "--size", "32", "--json")
    named = json.loads(nst("run", *options, "--weights", "vgg19-lite").out)
    chosen = json.loads(nst("run", *options, "--extractor", "vgg19-lite").out)
    assert named["job"]["extractor"]["name"] == "vgg19-lite"
    assert named["losses"] == chosen["losses"]
