"""`nst doctor` says what there is, and fails where something does not work."""

from __future__ import annotations

import json

import torch

from nst_core import version
from nst_core.ops import native


def test_one_screen_tells_everything(nst):
    done = nst("doctor")
    assert done.code == 0
    lines = done.out.splitlines()
    assert len(lines) < 25
    words = ("torch 2.", "threads", "precision   auto is", "kernels", "vgg19-embedded (vgg19: ", "gram: works")
    for word in (*words, "extractor   auto is vgg19"):
        assert word in done.out
    assert done.err == ""


def test_json_says_the_same(nst):
    report = json.loads(nst("doctor", "--json").out)
    assert report["kernels"] == ("native" if native().module else "reference")
    assert (report["build"] is None) == (native().module is None)
    assert report["extractor"].startswith("auto is vgg19")
    assert report["precision"] in ("fp32", "bf16")
    assert not any(report["checks"].values())


def test_it_says_which_torch_runs_and_which_one_the_kernels_were_compiled_for(nst):
    build, lines = json.loads(nst("doctor", "--json").out)["build"], nst("doctor").out.splitlines()
    versions, kernels = (next(line for line in lines if line.startswith(word)) for word in ("versions", "kernels"))
    assert f"torch {torch.__version__.partition('+')[0]}," in versions
    if build:
        assert kernels.endswith(f"compiled for torch {build['torch']})")


def test_it_names_the_commit_where_it_is_known(nst, monkeypatch, tmp_path):
    monkeypatch.setattr(version, "__file__", str(tmp_path / "version.py"))
    assert "commit" not in nst("doctor").out
    (tmp_path / version.RECORD).write_text("0123456789\n")
    assert f"nst {version.version()} (commit 0123456789), torch" in nst("doctor").out
    assert json.loads(nst("doctor", "--json").out)["commit"] == "0123456789"


def test_reference_kernels_are_said_and_why(nst, monkeypatch):
    monkeypatch.setenv("NST_NATIVE", "0")
    assert "reference, slower: turned off by NST_NATIVE=0" in nst("doctor").out
    monkeypatch.setenv("NST_NATIVE", "yes")
    done = nst("doctor")
    assert done.code == 2
    assert "NST_NATIVE must be auto, 0 or 1, not 'yes'" in done.err


def test_what_does_not_work_is_named_and_the_exit_code_is_one(nst, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NST_HOME", str(tmp_path / "file" / "home"))
    done = nst("doctor")
    assert done.code == 1
    assert "store can be written: NstError:" in done.out
    assert "set NST_HOME to another folder" in done.out


def test_broken_kernels_are_noticed(nst, monkeypatch):
    monkeypatch.setattr("nst_core.diagnostics.gram", lambda x: x.new_ones(1, 64, 64))
    done = nst("doctor")
    assert done.code == 1
    assert "gram: the kernel is off by" in done.out


def test_broken_plugins_and_weights_are_listed(nst, monkeypatch, tmp_path):
    folder = tmp_path / "home" / "weights"
    folder.mkdir(parents=True)
    (folder / "bad.safetensors").write_bytes(b"nonsense")
    monkeypatch.setenv("NST_HOME", str(tmp_path / "home"))
    done = nst("doctor")
    assert "not usable: " in done.out
    assert "bad.safetensors" in done.out
