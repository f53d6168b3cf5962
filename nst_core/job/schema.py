"""The job: everything that decides the pixels, as one frozen value that can be written down and read back.

This module imports no torch, so that the command can show defaults without waiting for it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import tomli_w

from nst_core.errors import JobError
from nst_core.job.serialization import from_plain, to_plain

__all__ = ["Component", "ImageRef", "Job", "ParamValue", "Precision", "Term"]

ParamValue = bool | int | float | str
Precision = Literal["auto", "fp32", "bf16"]

# Bytes of a file name that are not UTF-8 are lone surrogates in Python. No file in UTF-8 can hold them, so they are
# escaped: JSON reads that back, TOML does not.
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89a-fA-F][0-9a-fA-F]{2})")


@dataclass(frozen=True)
class ImageRef:
    """An image by its place and its content.

    Attributes:
        path: a file as the user gave it, ``sample:NAME`` for a bundled one, "" for an image that was only in memory.
        sha256: digest of the file's bytes in hex; "" until the image has been read.
    """

    path: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Component:
    """A component by its registered name, and the constructor arguments that differ from the defaults."""

    name: str
    params: Mapping[str, ParamValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))


@dataclass(frozen=True)
class Term:
    """One weighted loss.

    Attributes:
        loss: registered name of the loss.
        weight: α or β, positive and finite.
        layers: layers of the extractor that it looks at; empty for a loss on pixels.
        layer_weights: a factor for each layer, or empty for one everywhere.
        params: constructor arguments of the loss.
    """

    loss: str
    weight: float
    layers: tuple[str, ...] = ()
    layer_weights: tuple[float, ...] = ()
    params: Mapping[str, ParamValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise JobError(f"the weight of '{self.loss}' must be positive and finite, not {self.weight}")
        if self.layer_weights and len(self.layer_weights) != len(self.layers):
            raise JobError(
                f"'{self.loss}' has {len(self.layers)} layers but {len(self.layer_weights)} layer weights; "
                "give one for each layer, or none"
            )
        if any(not (math.isfinite(w) and w > 0) for w in self.layer_weights):
            raise JobError(f"layer weights of '{self.loss}' must be positive and finite: {self.layer_weights}")
        if len(set(self.layers)) != len(self.layers):
            raise JobError(f"'{self.loss}' names a layer twice: {', '.join(self.layers)}")


@dataclass(frozen=True)
class Job:
    """Everything that decides the pixels of a pastiche.

    Attributes:
        terms: the weighted losses whose sum is minimised.
        content: content image; ``None`` for texture synthesis.
        style: style image; ``None`` for content reconstruction.
        size: longest side of content image and pastiche, in pixels. Smaller images are never enlarged.
        shape: height and width of the pastiche where there is no content image.
        style_scale: longest side of the style image relative to ``size``; larger gives larger strokes.
        extractor: the network.
        weights_sha256: the weights the job was made with, "" for whichever the extractor finds.
        initializer: what the optimisation starts from.
        optimizer: what improves it.
        steps: number of evaluations of the objective, at least 1; of the smallest scale, where there are several.
        scales: longest sides at which the pastiche is made before ``size``, from small to large; ``None`` halves
            ``size`` until it is below 768 pixels, and empty is ``size`` alone.
        seed: of every random number drawn, 0 to 2⁶³ - 1.
        normalize_gradients: whether the weights are strengths of gradients, see :meth:`Objective.normalize`.
        precision: of the network; the image, the statistics and the optimizer are float32 whatever it is.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
    """

    terms: tuple[Term, ...]
    content: ImageRef | None = None
    style: ImageRef | None = None
    size: int = 512
    shape: tuple[int, int] | None = None
    style_scale: float = 1.0
    extractor: Component = Component("auto")
    weights_sha256: str = ""
    initializer: Component = Component("content")
    optimizer: Component = Component("lbfgs")
    steps: int = 300
    scales: tuple[int, ...] | None = None
    seed: int = 0
    normalize_gradients: bool = False
    precision: Precision = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        if not self.terms:
            raise JobError("a job needs at least one loss; all of them have been removed")
        _at_least("size", self.size, 1)
        _at_least("steps", self.steps, 1)
        _at_least("seed", self.seed, 0)
        if self.seed >= 2**63:
            raise JobError(f"seed must be less than 2^63, not {self.seed}")
        if not (math.isfinite(self.style_scale) and self.style_scale > 0):
            raise JobError(f"style scale must be positive and finite, not {self.style_scale}")
        if self.shape is not None:
            _at_least("height", self.shape[0], 1)
            _at_least("width", self.shape[1], 1)
        if self.scales and (self.scales[0] < 1 or list(self.scales) != sorted({*self.scales})):
            raise JobError(f"scales must grow, like 256,512,1024, not {','.join(map(str, self.scales))}")
        if self.scales and self.scales[-1] >= self.size:
            raise JobError(f"the scale {self.scales[-1]} comes before the size {self.size}, so it must be smaller")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise JobError(f"precision must be auto, fp32 or bf16, not '{self.precision}'")

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data; unset optional fields are left out."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Job:
        """Build a job from plain data.

        Raises:
            JobError: unknown keys, missing keys, wrong types or values that make no sense; names the key.
        """
        return from_plain(cls, data)

    def to_json(self) -> str:
        """Return the job as a JSON text, exact for every number, that UTF-8 can hold."""
        return _escaped(json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what :meth:`to_json` wrote."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise JobError(f"the recipe is not valid JSON: {error}") from error

    def to_toml(self) -> str:
        """Return the job as a recipe in TOML, exact for every number, that UTF-8 can hold."""
        return _escaped(tomli_w.dumps(self.to_dict()))

    @classmethod
    def from_toml(cls, text: str) -> Job:
        """Read what :meth:`to_toml` wrote."""
        try:
            return cls.from_dict(_from_toml(text))
        except tomllib.TOMLDecodeError as error:
            raise JobError(f"the recipe is not valid TOML: {error}") from error

    def digest(self) -> str:
        """SHA-256 of the canonical JSON form, in hex: equal for equal jobs."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _escaped(text: str) -> str:
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _from_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        restored = _ESCAPED.sub(lambda found: found[1] + chr(int(found[2], 16)), text)
        if restored == text:
            raise
        return tomllib.loads(restored)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise JobError(f"{name} must be at least {least}, not {value}")
