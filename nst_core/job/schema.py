"""The job: everything that decides the pixels, as one frozen value that can be written down and read back.

This module imports no torch, so that the command can show its help without waiting for it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import tomli_w

from nst_core.errors import JobError
from nst_core.job.bounds import BOUNDS, check_entries, check_params, check_recipe, check_text, shown
from nst_core.job.serialization import NEUTRAL, from_plain, to_plain

__all__ = [
    "SCHEMA",
    "Component",
    "Job",
    "Outside",
    "ParamValue",
    "Params",
    "Precision",
    "Region",
    "RegionGuide",
    "Source",
    "Term",
]

ParamValue = bool | int | float | str
Precision = Literal["auto", "fp32", "tf32", "bf16"]
Outside = Literal["style", "keep", "free"]
RegionGuide = Literal["simple", "inside"]

SCHEMA = 1
"""Version of the job's fields and of what they mean; a recipe of another version is refused."""

# Bytes of a file name that are not UTF-8 are lone surrogates in Python. No file in UTF-8 can hold them, so they are
# escaped: JSON reads that back, TOML does not.
_COLOR = re.compile("#[0-9a-f]{6}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89a-fA-F][0-9a-fA-F]{2})")


class Params(Mapping[str, ParamValue]):
    """Constructor arguments of a component: a mapping that cannot change, so that it can be hashed and pickled."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, ParamValue] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> ParamValue:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Params({self._values!r})"

    def __reduce__(self) -> tuple[type[Params], tuple[dict[str, ParamValue]]]:
        return Params, (dict(self._values),)


@dataclass(frozen=True)
class Component:
    """A component by its registered name, and the constructor arguments that differ from the defaults."""

    name: str
    params: Mapping[str, ParamValue] = field(default_factory=Params, metadata=NEUTRAL)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", Params(self.params))
        check_params(self.name, self.params)


@dataclass(frozen=True)
class Source:
    """An image that a job takes from, by its place and its content.

    Attributes:
        path: a file as the user gave it, ``sample:NAME`` for a bundled one, "" for an image that was only in memory.
        sha256: digest of the file's bytes in hex; "" until the image has been read.
        weight: share of this style in the blend of all styles, not negative; the shares are divided by their sum.
        scale: longest side of a style image relative to the pastiche's ``size``; larger gives larger strokes.
        transform: image transform that is applied before features are taken, ``None`` for none.
    """

    path: str = ""
    sha256: str = ""
    weight: float = field(default=1.0, metadata=NEUTRAL)
    scale: float = field(default=1.0, metadata=NEUTRAL)
    transform: Component | None = field(default=None, metadata=NEUTRAL)

    def __post_init__(self) -> None:
        check_text("the path of an image", self.path)
        check_text("the SHA-256 of an image", self.sha256)
        _set_floats(self, weight=self.weight, scale=self.scale)
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise JobError(f"the weight of an image must be finite and not negative, not {self.weight}")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise JobError(f"the scale of a style image must be positive and finite, not {self.scale}")
        BOUNDS["share"].check("the weight of an image", self.weight)
        BOUNDS["scale"].check("the scale of a style image", self.scale)


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
    layers: tuple[str, ...] = field(default=(), metadata=NEUTRAL)
    layer_weights: tuple[float, ...] = field(default=(), metadata=NEUTRAL)
    params: Mapping[str, ParamValue] = field(default_factory=Params, metadata=NEUTRAL)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", Params(self.params))
        check_params(self.loss, self.params)
        check_entries(f"layers of '{self.loss}'", self.layers)
        for layer in self.layers:
            check_text(f"a layer of '{self.loss}'", layer)
        object.__setattr__(self, "layer_weights", tuple(map(_as_float, self.layer_weights)))
        _set_floats(self, weight=self.weight)
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise JobError(f"the weight of '{self.loss}' must be positive and finite, not {self.weight}")
        BOUNDS["weight"].check(f"the weight of '{self.loss}'", self.weight)
        if self.layer_weights and len(self.layer_weights) != len(self.layers):
            raise JobError(
                f"'{self.loss}' has {len(self.layers)} layers but {len(self.layer_weights)} layer weights; "
                "give one for each layer, or none"
            )
        if any(not (math.isfinite(w) and w > 0) for w in self.layer_weights):
            raise JobError(f"layer weights of '{self.loss}' must be positive and finite: {self.layer_weights}")
        for weight in self.layer_weights:
            BOUNDS["weight"].check(f"a layer weight of '{self.loss}'", weight)
        if len(set(self.layers)) != len(self.layers):
            raise JobError(f"'{self.loss}' names a layer twice: {', '.join(self.layers)}")


@dataclass(frozen=True)
class Region:
    """A part of the pastiche that takes a style, or a part of one.

    Attributes:
        name: in messages.
        mask: image that is white where the region is, grey where it is in part, in the proportions of the pastiche.
        style: number of the style image, from 1; 0 for the blend of all.
        style_mask: image that is white at the part of the style that is taken, ``None`` for the whole style.
        color: as ``#rrggbb``, where the masks are maps of colours: the region is where this colour is the nearest of
            those that the job's regions have; "" where they are masks.
        weight: factor on the region's loss, positive.
    """

    name: str
    mask: Source
    style: int = field(default=1, metadata=NEUTRAL)
    style_mask: Source | None = field(default=None, metadata=NEUTRAL)
    color: str = field(default="", metadata=NEUTRAL)
    weight: float = field(default=1.0, metadata=NEUTRAL)

    def __post_init__(self) -> None:
        check_text("the name of a region", self.name)
        self._check_types()
        if not self.name:
            raise JobError("a region needs a name, as in sky=mask.png")
        for mask in (self.mask, self.style_mask):
            _check_plain(f"a mask of region '{self.name}'", mask)
        if self.style < 0:
            raise JobError(f"region '{self.name}' names style {self.style}; styles are numbered from 1")
        if self.style == 0 and self.style_mask is not None:
            raise JobError(f"region '{self.name}' takes the blend of all styles, and a style mask is of one of them")
        if self.color and not _COLOR.fullmatch(self.color):
            raise JobError(f"the colour of region '{self.name}' must be written #rrggbb, not '{self.color}'")
        _set_floats(self, weight=self.weight)
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise JobError(f"the weight of region '{self.name}' must be positive and finite, not {self.weight}")
        BOUNDS["weight"].check(f"the weight of region '{self.name}'", self.weight)

    def _check_types(self) -> None:
        """Check what a program gave; recipes and texts are checked where they are read."""
        masks = [("mask", self.mask)] + ([("style mask", self.style_mask)] if self.style_mask is not None else [])
        for what, mask in masks:
            if not isinstance(mask, Source):
                raise JobError(f"the {what} of region '{self.name}' must be a Source, as in nst.Source(PATH)")
        if isinstance(self.style, bool) or not isinstance(self.style, int):
            raise JobError(f"the style of region '{self.name}' must be its number, from 1, not {self.style!r}")
        if isinstance(self.weight, bool) or not isinstance(self.weight, int | float):
            raise JobError(f"the weight of region '{self.name}' must be a number, not {self.weight!r}")


@dataclass(frozen=True)
class Job:
    """Everything that decides the pixels of a pastiche.

    A field that is added later has a neutral default, with which a job means what it meant before: such defaults are
    left out of :meth:`digest`, so that finished work keeps its key. Numbers, texts and lists have the bounds of
    :mod:`nst_core.job.bounds`.

    Attributes:
        terms: the weighted losses whose sum is minimised.
        extractor: the network.
        initializer: what the optimization starts from.
        optimizer: what improves the image.
        parametrization: what the optimizer changes.
        color: colour mode, an image transform with all its stages; ``None`` for the colours of the style images.
        content: content image; ``None`` for texture synthesis.
        styles: style images; empty for content reconstruction.
        regions: parts of the pastiche that take a style each; none blends all styles everywhere.
        outside: what pixels take that no region covers: the whole first style (``style``), nothing but the content
            (``free``), or they are the content image's own (``keep``).
        guide: how regions are cut at a layer, see :func:`nst_core.objective.guides.guide`.
        keep: mask of the pixels that are the content image's own, ``None`` for none.
        size: longest side of content image and pastiche in pixels; smaller content images are not enlarged.
        enlarge: whether smaller content images are made larger after all.
        shape: height and width of the pastiche where there is no content image.
        levels: longest sides at which the pastiche is made before its own, from small to large; ``None`` are those from
            a quarter of its size on, but 64 to 128 pixels, by factors of √2, and empty is its size alone.
        steps: number of evaluations of the objective, at least 1; of the smallest level, where there are several.
        seed: random seed, 0 to 2⁶³ - 1.
        strength: of the style, from 0, nearly the photograph, to 1, nearly a texture; at 0.5 the terms have their own
            weights, see :func:`nst_core.objective.binding.content_factor`.
        normalize_gradients: whether each loss is divided by its gradient at an image of noise, see
            :meth:`Objective.normalized_weights`.
        weights_sha256: the weights that the job was made with; "" for any that the extractor finds.
        precision: of the network; the image, the statistics and the optimizer are float32 whatever it is. In ``tf32``
            a GPU from NVIDIA rounds what it convolves, float32, to ten bits of the mantissa.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        schema: version of these fields.
    """

    terms: tuple[Term, ...]
    extractor: Component
    initializer: Component
    optimizer: Component
    parametrization: Component
    content: Source | None = None
    styles: tuple[Source, ...] = field(default=(), metadata=NEUTRAL)
    regions: tuple[Region, ...] = field(default=(), metadata=NEUTRAL)
    outside: Outside = field(default="style", metadata=NEUTRAL)
    guide: RegionGuide = field(default="simple", metadata=NEUTRAL)
    keep: Source | None = field(default=None, metadata=NEUTRAL)
    size: int = 512
    enlarge: bool = field(default=False, metadata=NEUTRAL)
    shape: tuple[int, int] | None = None
    levels: tuple[int, ...] | None = None
    steps: int = 300
    seed: int = 0
    strength: float = field(default=0.5, metadata=NEUTRAL)
    color: Component | None = field(default=None, metadata=NEUTRAL)
    normalize_gradients: bool = False
    weights_sha256: str = ""
    precision: Precision = "auto"
    device: str = "auto"
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise JobError(f"unsupported job schema {self.schema}; this version of nst reads schema {SCHEMA}")
        if not self.terms:
            raise JobError("a job needs at least one loss; all of them have been removed")
        check_entries("losses", self.terms)
        check_entries("style images", self.styles)
        check_entries("levels", self.levels or ())
        _set_floats(self, strength=self.strength)
        for name in ("size", "steps", "seed", "strength"):
            BOUNDS[name].check(name, getattr(self, name))
        for name in ("weights_sha256", "device"):
            check_text(name, getattr(self, name))
        _check_plain("the content image", self.content)
        self._check_regions()
        if self.styles and not sum(style.weight for style in self.styles) > 0:
            raise JobError("the weights of the styles are all zero; give at least one of them a positive weight")
        if self.shape is not None:
            BOUNDS["height"].check("height", self.shape[0])
            BOUNDS["width"].check("width", self.shape[1])
        if self.levels and (self.levels[0] < 1 or list(self.levels) != sorted({*self.levels})):
            raise JobError(f"levels must increase, as in 256,512,1024, not {','.join(map(str, self.levels))}")
        if self.levels and self.content is not None and self.levels[-1] >= self.size:
            raise JobError(f"levels below the last must be smaller than the size {self.size}, not {self.levels[-1]}")
        if self.precision not in get_args(Precision):
            raise JobError(f"precision must be auto, fp32, tf32 or bf16, not '{self.precision}'")

    def _check_regions(self) -> None:
        _check_plain("the mask of what is kept", self.keep)
        check_entries("regions", self.regions)
        if self.outside not in get_args(Outside):
            raise JobError(f"outside must be style, keep or free, not '{self.outside}'")
        if self.guide not in get_args(RegionGuide):
            raise JobError(f"the guide of regions must be simple or inside, not '{self.guide}'")
        names = [region.name for region in self.regions]
        for region in self.regions:
            if names.count(region.name) > 1:
                raise JobError(f"two regions are called '{region.name}'; give each a name of its own")
            if region.style > len(self.styles):
                count = len(self.styles)
                given = "there is 1 style image" if count == 1 else f"there are {count} style images"
                raise JobError(f"region '{region.name}' takes style {region.style}, but {given}")
        if self.content is None and (self.keep is not None or (self.regions and self.outside == "keep")):
            raise JobError("a texture has no content image of which something could be kept")

    @property
    def blend(self) -> tuple[float, ...]:
        """Share of every style, in order; they add up to one."""
        total = sum(style.weight for style in self.styles)
        return tuple(style.weight / total for style in self.styles)

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of every term in reports: that of its loss, with ``#2``, ``#3``, … where a loss is there again."""
        losses = [term.loss for term in self.terms]
        places = (losses[: i + 1].count(loss) for i, loss in enumerate(losses))
        return tuple(f"{loss}#{place}" if place > 1 else loss for loss, place in zip(losses, places, strict=True))

    def without_control(self) -> Job:
        """Return the job without colour mode, regions and kept pixels: they belong to one photograph and its styles."""
        return replace(self, color=None, regions=(), outside="style", guide="simple", keep=None)

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
        if isinstance(data, Mapping) and data.get("schema") != SCHEMA:
            found = f"schema {shown(data['schema'])}" if "schema" in data else "no schema"
            raise JobError(
                f"unsupported recipe: it has {found}, but this version of nst reads schema = {SCHEMA}; make the recipe "
                "again, or use the version of nst that wrote it"
            )
        return from_plain(cls, data)

    def to_json(self) -> str:
        """Return the job as a JSON text, exact for every number, that UTF-8 can hold."""
        return _escaped(json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what :meth:`to_json` wrote."""
        check_recipe(text)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise JobError(f"the recipe is not valid JSON: {error}") from error
        return cls.from_dict(data)

    def to_toml(self) -> str:
        """Return the job as a recipe in TOML, exact for every number, that UTF-8 can hold."""
        return _escaped(tomli_w.dumps(self.to_dict()))

    @classmethod
    def from_toml(cls, text: str) -> Job:
        """Read what :meth:`to_toml` wrote."""
        check_recipe(text)
        try:
            data = _from_toml(text)
        except (ValueError, RecursionError) as error:
            raise JobError(f"the recipe is not valid TOML: {error}") from error
        return cls.from_dict(data)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON form without neutral defaults, in hex: equal for equal jobs."""
        canonical = json.dumps(
            to_plain(self, without_neutral=True), sort_keys=True, separators=(",", ":"), allow_nan=False
        )
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


def _check_plain(what: str, source: Source | None) -> None:
    if source is not None and source != Source(source.path, source.sha256):
        raise JobError(f"{what} has no weight, scale or transform; these belong to style images")


def _set_floats(owner: Source | Term | Region | Job, **values: float) -> None:
    """Let a whole number be the same number, and so have the same digest, as the one that a recipe gives back."""
    for name, value in values.items():
        object.__setattr__(owner, name, _as_float(value))


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # which is refused like any other
