"""Official weights: downloaded, or taken from the torch hub cache."""

from __future__ import annotations

import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from toy_weights import TOY, same_tensors, tensors, with_official

from nst_core import UnknownNameError, WeightsError
from nst_core.weights import TORCHVISION, fetch, find, home
from nst_core.weights.store import save, writing


def test_official_weights_are_downloaded_once(official):
    architecture, told = with_official(official), []
    made = find("", architecture, notify=told.append)
    assert same_tensors(made.tensors(), tensors(5))
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
    assert same_tensors(find("", architecture, notify=told.append).tensors(), tensors(5))
    assert not any("downloading" in t for t in told)

    (home() / "weights" / "toy.safetensors").unlink()
    cached.write_bytes(cached.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="cannot download"):
        find("", architecture, notify=told.append)
    assert any("damaged" in t for t in told)


def test_a_download_waits_for_another_and_takes_what_that_one_installed(official):
    architecture, told = with_official(official), []
    begun, waits = threading.Event(), threading.Event()

    def other() -> None:
        with writing("toy"):
            begun.set()
            waits.wait()
            save("toy", tensors(7), TOY, preprocessing=TORCHVISION, source="the other", license="CC0-1.0")

    def notify(text: str) -> None:
        told.append(text)
        waits.set()

    with ThreadPoolExecutor(1) as threads:
        installing = threads.submit(other)
        begun.wait()
        made = fetch(architecture, notify=notify)
        installing.result()
    assert told == ["another nst is installing the weights of toy; waiting for it"]
    assert made.source == "the other"
    assert [p.name for p in (home() / "weights").iterdir()] == ["toy.safetensors"]
    assert fetch(architecture, overwrite=True, notify=told.append).source == "the toy maker"


def test_a_download_with_the_wrong_hash_is_refused(official):
    architecture = with_official(official)
    torch.save(tensors(6), official)
    with pytest.raises(WeightsError, match="altered on the way"):
        fetch(architecture, notify=lambda _: None)
    assert list((home() / "weights").iterdir()) == []


def test_a_failed_download_says_how_to_obtain_weights(official, monkeypatch):
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


def test_an_architecture_without_official_weights_says_so():
    with pytest.raises(UnknownNameError, match=r"unknown official weight set 'toy'.*nst weights import FILE"):
        fetch(TOY)
