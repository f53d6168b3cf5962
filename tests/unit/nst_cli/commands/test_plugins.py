"""`nst plugins show` and `nst plugins check`, and what a plugin's error looks like to a user."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from installed import install

from nst_core.plugins.discovery import default_registry

SULKY = '''
import torch
from nst_core import FeatureLoss, Initializer, Optimizer, hookimpl

class Sulky(FeatureLoss):
    """Fails when it is used, or earlier."""

    def __init__(self, when: str = "forward"):
        if when == "constructor":
            raise RuntimeError("not today")
        self.when = when

    def forward(self, features, targets):
        if self.when == "shape":
            return next(iter(features.values())).sum(dim=1)
        if self.when == "memory":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        if self.when == "backward":
            return Grumble.apply(next(iter(features.values())))
        return helper(features["no such layer"])

class Grumble(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sum()

    @staticmethod
    def backward(ctx, gradient):
        raise ArithmeticError("no slope here")

class Tiny(Initializer):
    """Too small."""

    def initial(self, size, sources, generator):
        return torch.zeros(1, 3, 1, 1)

class Leap(Optimizer):
    """Leaves the space it is in."""

    def start(self, variable, damping=1.0):
        pass

    def step(self, loss, gradient):
        return gradient[..., :1]

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

def helper(x):
    return x

@hookimpl
def nst_register_losses(register):
    register("sulky", Sulky)

@hookimpl
def nst_register_initializers(register):
    register("small", Tiny)

@hookimpl
def nst_register_optimizers(register):
    register("leap", Leap)
'''


@pytest.fixture
def sulky(nst, tmp_path, monkeypatch):
    """The command with a plugin that fails in many ways."""
    site = install(tmp_path / "sulky", "nst-sulky", "moods", "nst_sulky_module", SULKY)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "nst_sulky_module", raising=False)
    default_registry.cache_clear()
    return nst


RUN = ("run", "photo.jpg", "painting.png", "--extractor", "tiny", "--steps", "3")
WHO = "(plugin 'moods' of package nst-sulky 1.0)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plugin", "sulky"), f"error: loss 'sulky' {WHO} failed: KeyError: 'no such layer'"),
        (("--plugin", "sulky:backward"), "error: plugin 'moods' of package nst-sulky 1.0 failed: ArithmeticError"),
        (("--plugin", "sulky:constructor"), f"error: loss 'sulky' {WHO} could not be created: RuntimeError: not today"),
        (("--plugin", "sulky:shape"), f"error: loss 'sulky' {WHO} must give scalars, but gave a tensor of shape"),
        (("--init", "small"), f"error: initializer 'small' {WHO} must give finite pixels of shape (1, 3, 30, 40)"),
        (("--optimizer", "leap"), f"error: optimizer 'leap' {WHO} was at a point of shape (1, 3, 30, 40) and gave"),
        (("--plugin", "sulky:memory"), "error: out of memory; compute in smaller tiles with --memory-limit"),
    ],
)
def test_errors_inside_a_plugin_name_it_and_its_package(arguments, message, sulky):
    done = sulky(*RUN, *arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_debug_shows_where_in_the_plugin(sulky):
    done = sulky(*RUN, "--plugin", "sulky", "--debug")
    assert done.code == 2
    assert "nst_sulky_module.py" in done.err
    assert "KeyError" in done.err


def test_show_tells_all_about_a_component(nst):
    done = nst("plugins", "show", "w2-style")
    assert done.code == 0
    for text in (
        "style loss",
        "StatisticLoss",
        "exactly",
        "30, with the default preset",
        "plugin 'builtin' of package nst",
        "W₂²(N(μ_G, C_G + b), N(μ_S, C_S + b)) / N",
        "blur = 0.01   (float)",
        "root = 'eigen'   (eigen | newton-schulz)",
    ):
        assert text in done.out
    assert "no: it looks at whole maps" in nst("plugins", "show", "nn-style").out
    assert "pixels" in nst("plugins", "show", "laplacian").out
    assert "a+b+c" in nst("plugins", "show", "tiny").out


def test_an_unknown_name_shows_its_neighbours(nst):
    done = nst("plugins", "show", "w2-stile")
    assert done.code == 2
    assert "unknown component 'w2-stile'; did you mean 'w2-style'" in done.err


def test_check_prints_a_table_and_fails_with_code_one(sulky):
    good = sulky("plugins", "check", "tv:isotropic")
    assert good.code == 0
    assert "tv: 7 checks, 0 failed" in good.err
    assert "looks-no-further" in good.out
    assert "passed" in good.out
    bad = sulky("plugins", "check", "leap")
    assert bad.code == 1
    assert "failed" in bad.out
    rows = {row["check"]: row for row in json.loads(sulky("plugins", "check", "leap", "--json").out)}
    assert rows["decreases-a-quadratic"]["verdict"] == "failed"
    assert "becomes" in rows["decreases-a-quadratic"]["detail"]
    assert rows["obeys-damping"]["demand"].startswith("With damping 0.1")


def test_check_writes_a_badge(sulky):
    good = sulky("plugins", "check", "tv:isotropic", "--badge", "good.svg")
    assert (good.code, good.err.splitlines()[-1]) == (0, "for a README: ![nst: 7 checks passed](good.svg)")
    shown = re.findall(r"<text [^>]*>([^<]*)</text>", Path("good.svg").read_text())
    assert shown == [f"nst {version('nst')}", "7 checks passed"]
    bad = sulky("plugins", "check", "leap", "--badge", "bad.svg")
    assert bad.code == 1
    assert re.search(r"\d+ checks failed", Path("bad.svg").read_text())


@pytest.mark.parametrize(("name", "message"), [("badge.png", "such as badge.svg"), ("no/badge.svg", "no")])
def test_a_badge_that_cannot_be_written_is_refused_first(name, message, nst):
    done = nst("plugins", "check", "tv", "--badge", name)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_check_refuses_unknown_names_and_parameters(nst):
    assert "unknown component 'gram'" in nst("plugins", "check", "gram").err
    assert "unknown parameter of 'tv'" in nst("plugins", "check", "tv:strength=2").err


def test_a_batch_names_the_plugin_that_failed_too(sulky):
    done = sulky("sweep", *RUN[1:], "--vary", "seed=0,1", "--plugin", "sulky")
    assert done.code == 1
    assert f"loss 'sulky' {WHO} failed: KeyError: 'no such layer'" in done.err
    assert "Traceback" not in done.err
