"""Recipes with wrong, extreme and missing values, in TOML, in JSON and in pictures, and what must be true of them."""

from __future__ import annotations

import copy
import functools
import io
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w
from mutations import damaged
from PIL import Image

from nst_core import Component, Job, Source, Term, load_registry
from nst_core.components.registry import Registry
from nst_core.errors import NstError
from nst_core.images.metadata import recipe_exif, recipe_png_info
from nst_core.job.schedule import job_at, levels_of
from nst_core.options.recipes import job_of_file, job_of_picture, missing_files

__all__ = ["check_recipe_file", "make_recipe"]

JOBS = (
    Job(
        (
            Term("mse-content", 10.0, ("conv3_4",)),
            Term("gram-style", 1e7, ("conv1_2", "conv2_2"), (1.0, 0.5), {"normalization": "gatys"}),
            Term("swd-style", 5.0, ("conv1_2",), params={"directions": 8, "seed": 3}),
            Term("tv", 1.0),
        ),
        extractor=Component("vgg19-lite", {"weights": "file.safetensors"}),
        initializer=Component("noise", {"kind": "uniform", "amplitude": 0.1}),
        optimizer=Component("lbfgs", {"history": 10, "learning_rate": 0.5}),
        parametrization=Component("pixels"),
        content=Source("photo.jpg", "0" * 64),
        styles=(Source("one.jpg", weight=0.3, scale=1.5), Source("two.jpg", weight=0.7)),
        size=1000,
        levels=(250, 500),
    ),
    Job(
        (Term("gram-style", 1e7, ("conv1_2",)),),
        extractor=Component("auto"),
        initializer=Component("image", {"path": "start.png"}),
        optimizer=Component("adam", {"beta1": 0.5}),
        parametrization=Component("pixels"),
        styles=(Source("one.jpg"),),
        shape=(300, 400),
    ),
)
WORDS = (
    "",
    "\0",
    "a\0b",
    "é" * 5000,
    "x" * 1_000_000,
    "../" * 400,
    "\ud800",
    "\x1b[31m",
    "nan",
    "99999999999999999999",
)
NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, 2**63, 10**23, 10**400, -(10**30), 99_999_999, 0.5, -0.0, 1e-320, 1e20, 1e300)
TEXTS = (
    "[" * 100_000,
    "a = " + "[" * 50_000,
    "a" + ".a" * 100_000 + " = 1",
    "[" + "a." * 100_000 + "a]",
    '{"a":' * 100_000,
    "steps = 0x" + "f" * 20_000,
    "steps = " + "9" * 20_000,
    "terms = [" + "{}," * 100_000 + "]",
    "\ufeffschema = 1",
    "schema = 1\r" * 10,
    "",
)


def make_recipe(rng: random.Random) -> tuple[str, bytes]:
    """Return the suffix and the bytes of a file with a recipe that is wrong in some way."""
    kind = rng.choice(("toml", "toml", "json", "json", "png", "jpg"))
    text = rng.choice(TEXTS) if rng.random() < 0.03 else _text(rng, "json" if kind == "json" else "toml")
    data = text.encode(errors="surrogatepass")
    if rng.random() < 0.3:
        data = damaged(data, rng)
    if kind in ("toml", "json"):
        return kind, data
    buffer, text = io.BytesIO(), data.decode(errors="replace")
    if kind == "png":
        Image.new("RGB", (2, 2)).save(buffer, "PNG", pnginfo=recipe_png_info(text))
    else:
        Image.new("RGB", (2, 2)).save(buffer, "JPEG", exif=recipe_exif(text[:15_000]))
    return kind, buffer.getvalue()


def _text(rng: random.Random, kind: str) -> str:
    plain = copy.deepcopy(rng.choice(JOBS).to_dict())
    try:
        for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
            rng.choice(CHANGES)(*_place(plain, rng), rng)
        return json.dumps(plain) if kind == "json" else tomli_w.dumps(_without_none(plain))
    except (ValueError, RecursionError):  # what is nested too deeply cannot be written
        return rng.choice(TEXTS)


def _place(plain: Any, rng: random.Random) -> tuple[Any, Any]:
    """Return a container, and a key or an index in it."""
    key = rng.choice(list(plain) if isinstance(plain, dict) else range(len(plain)))
    inner = plain[key]
    return _place(inner, rng) if isinstance(inner, dict | list) and inner and rng.random() < 0.8 else (plain, key)


def _without_none(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _without_none(value) for key, value in plain.items() if value is not None}
    return [_without_none(value) for value in plain if value is not None] if isinstance(plain, list) else plain


def _another_value(place: Any, key: Any, rng: random.Random) -> None:
    values = (*WORDS, *NUMBERS, math.nan, math.inf, -math.inf, True, None, [], {}, [[]], {"a": {"b": 1}})
    place[key] = rng.choice(values)


def _another_number(place: Any, key: Any, rng: random.Random) -> None:
    if isinstance(place[key], int | float):
        place[key] = type(place[key])(rng.choice((0, 1, 2, -1, 10, 1000, 10**6, 10**9)))
    else:
        place[key] = rng.choice(NUMBERS)


def _remove(place: Any, key: Any, rng: random.Random) -> None:
    del place[key]


def _rename(place: Any, key: Any, rng: random.Random) -> None:
    if isinstance(place, dict):
        place[rng.choice((*WORDS[:4], key + "s", key.upper()))] = place.pop(key)


def _repeat(place: Any, key: Any, rng: random.Random) -> None:
    # Copies of small values: one large value that is there a thousand times takes long to write, not to read.
    if isinstance(place, list) and len(json.dumps(place[key])) < 500:
        place.extend(copy.deepcopy(place[key]) for _ in range(rng.choice((1, 10, 1500))))


def _nest(place: Any, key: Any, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 50, 400))):
        place[key] = rng.choice(([place[key]], {"a": place[key]}))


CHANGES: tuple[Callable[[Any, Any, random.Random], None], ...] = (
    *(_another_value,) * 4,
    *(_another_number,) * 2,
    *(_remove, _rename, _repeat, _nest),
)


@functools.cache
def _registry() -> Registry:
    return load_registry(environment={"NST_LOAD_PLUGINS": "builtin"})


def check_recipe_file(path: Path) -> str:
    """Load a recipe, look for the files that it names, and return what came of it.

    Raises:
        AssertionError: the job is not what it should be.
        Exception: what no user may meet.
    """
    try:
        job = (job_of_picture if path.suffix in (".png", ".jpg") else job_of_file)(path, _registry())
        missing_files(job, _registry())
    except NstError as error:
        message = str(error)
        assert message, "an error without words"
        assert len(message) < 2000, f"an error of {len(message)} characters"
        return "refused"
    assert Job.from_toml(job.to_toml()) == job, "TOML does not give the job back"
    assert Job.from_json(job.to_json()) == job, "JSON does not give the job back"
    assert job.digest() == Job.from_json(job.to_json()).digest()
    assert not job.styles or math.isclose(sum(job.blend), 1.0), job.blend
    for longest in (1, 700, job.size):
        levels = levels_of(job, longest)
        assert sum(level.steps for level in levels) <= 2e9
        for level in levels:
            job_at(job, level, longest)
    try:
        for kind in ("extractor", "initializer", "optimizer", "parametrization"):
            _registry().create(kind, getattr(job, kind))
        for term in job.terms:
            _registry().create("loss", Component(term.loss, term.params))
    except NstError:
        return "read, with components that are refused"
    return "read"
