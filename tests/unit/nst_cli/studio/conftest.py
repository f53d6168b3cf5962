from __future__ import annotations

import threading
import time

import pytest
import torch
from PIL import Image
from tiny import plugin, tiny_registry

from nst_cli.studio.desk import Desk
from nst_cli.studio.wish import Wish
from nst_core import ImageLoss, Preset, Session


class TinyLook(Preset):
    """A look for tests, whose small network is the tiny one, too."""

    initializer = "content"
    optimizer = "lbfgs"
    extractor = "tiny"
    quick_extractor = "tiny"
    parametrization = "pixels"
    losses = {"mse-content": 10.0, "gram-style": 1e3}  # noqa: RUF012 - a ClassVar of the base
    steps = 12


class Waits(ImageLoss):
    """Lets a test hold an evaluation: nothing goes on while :attr:`gate` is shut.

    Full reference: none.
    """

    gate = threading.Event()
    seconds = 0.0
    halo = 0

    def __init__(self, amount: float = 1.0, mode: str = "plain", often: int = 3, loud: bool = False) -> None:
        self.amount, self.mode, self.often, self.loud = amount, mode, often, loud

    def density(self, image: torch.Tensor) -> torch.Tensor:
        assert self.gate.wait(60.0)
        time.sleep(self.seconds)
        return image.square().mean(dim=1, keepdim=True) * self.amount


@pytest.fixture
def gate():
    """Open at first; shut to hold every evaluation of a picture with the loss ``waits``."""
    Waits.gate.set()
    Waits.seconds = 0.01
    yield Waits.gate
    Waits.gate.set()
    Waits.seconds = 0.0


@pytest.fixture
def session():
    module = plugin(presets={"tiny-look": TinyLook}, losses={"waits": Waits})
    return Session(tiny_registry(("third", module)))


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.close()


@pytest.fixture
def images(tmp_path):
    """A photograph and two paintings."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, size, color in (("photo", (48, 36), "teal"), ("one", (40, 40), "orange"), ("two", (32, 44), "purple")):
        picture = Image.effect_noise(size, 60).convert("RGB")
        Image.blend(picture, Image.new("RGB", size, color), 0.6).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def wish(images):
    def make(*paintings: str, quick: bool = False, **options) -> Wish:
        given = {"preset": "tiny-look", "size": 48, "precision": "fp32", **options}
        chosen = tuple(str(images / f"{name}.png") for name in (paintings or ("one",)))
        return Wish(str(images / "photo.png"), chosen, given, quick)

    return make
