"""The table of options: one row for everything that a person can choose of a job.

The keywords of the Python API, the options of the command line, the keys of sweeps and the reference page are made
from these rows; a new option is one row. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nst_core.errors import unknown_name
from nst_core.job.schema import Job
from nst_core.options import build
from nst_core.options.build import Apply, Context
from nst_core.options.types import (
    COMPONENT,
    COMPONENTS,
    FLAG,
    INTEGER,
    LAYERS,
    NAMES,
    NUMBER,
    NUMBERS,
    SIZES,
    TEXT,
    OptionType,
)

if TYPE_CHECKING:
    from nst_core.components.registry import Registry

__all__ = ["OPTIONS", "Option", "apply_options", "check_options", "describe_options", "options_table"]

METHOD, IMAGES = "Method", "Images"
SPEC = "NAME[:k=v,…]"


@dataclass(frozen=True)
class Option:
    """Something that a person can choose of a job.

    Attributes:
        name: keyword of the API.
        type: how values are written.
        apply: lays the value over a job.
        help: what it sets, in one sentence.
        panel: heading under which the command line shows it.
        flag: on the command line; ``--`` and the name with hyphens by default. A flag of two words, ``--a/--b``, is
            true or false.
        metavar: what help shows in place of a value.
        default: what help shows as the default, "" for none.
        key: in a sweep, "" where it cannot be varied.
        source: "content" or "style" where only jobs with such a loss can use it; "both" where both are needed.
    """

    name: str
    type: OptionType
    apply: Apply
    help: str
    panel: str = METHOD
    flag: str = ""
    metavar: str = ""
    default: str = ""
    key: str = ""
    source: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """What sets it on the command line; the second of two flags says no."""
        return tuple((self.flag or f"--{self.name.replace('_', '-')}").split("/"))


OPTIONS: tuple[Option, ...] = (
    Option(
        "preset",
        TEXT,
        build.with_preset,
        "Losses, weights and start that were tuned together; 'nst plugins' lists the presets.",
        metavar="NAME",
        default="the default preset",
        key="preset",
        source="both",
    ),
    Option(
        "extractor",
        COMPONENT,
        build.with_extractor,
        "Network whose features are compared.",
        metavar=SPEC,
        default="the preset's",
        key="extractor",
    ),
    Option(
        "weights",
        TEXT,
        build.with_weights_file,
        "Weights of the network: a file, or the name of a set in the store.",
        metavar="PATH|NAME",
        default="the best set on this machine",
        key="weights",
    ),
    Option(
        "normalize_gradients",
        FLAG,
        build.with_normalization,
        "Let weights say how strongly each loss and layer pulls, whatever its scale.",
        flag="--normalize-gradients/--raw-gradients",
        default="raw",
        key="normalize_gradients",
    ),
    Option(
        "plugins",
        COMPONENTS,
        build.with_losses,
        "Loss that takes the place of the one of its role; regularizers are added. Repeatable. weight=W and "
        "layers=a+b set the term's weight and layers.",
        flag="--plugin",
        metavar=SPEC,
        key="plugin",
    ),
    Option(
        "content_weight",
        NUMBER,
        build.with_weight("content"),
        "Weight α of the content loss; 0 removes it.",
        metavar="NUMBER",
        default="the preset's",
        key="content.weight",
        source="content",
    ),
    Option(
        "style_weight",
        NUMBER,
        build.with_weight("style"),
        "Weight β of the style loss; 0 removes it.",
        metavar="NUMBER",
        default="the preset's",
        key="style.weight",
        source="style",
    ),
    Option(
        "content_layers",
        LAYERS,
        build.with_layers("content"),
        "Layers of the content loss, each with an optional factor.",
        metavar="A,B=FACTOR,…",
        default="the extractor's",
        key="content.layers",
        source="content",
    ),
    Option(
        "style_layers",
        LAYERS,
        build.with_layers("style"),
        "Layers of the style loss, each with an optional factor.",
        metavar="A,B=FACTOR,…",
        default="the extractor's",
        key="style.layers",
        source="style",
    ),
    Option(
        "without",
        NAMES,
        build.without_losses,
        "Loss to remove. Repeatable.",
        flag="--no-plugin",
        metavar="NAME",
    ),
    Option(
        "init",
        COMPONENT,
        build.set_component("initializer"),
        "Image to start from, made by an initializer; 'nst plugins' lists them.",
        metavar=SPEC,
        default="the preset's",
        key="init",
    ),
    Option(
        "optimizer",
        COMPONENT,
        build.set_component("optimizer"),
        "Optimizer that improves the image.",
        metavar=SPEC,
        default="the preset's",
        key="optimizer",
    ),
    Option(
        "parametrization",
        COMPONENT,
        build.set_component("parametrization"),
        "Variable that the optimizer changes, and from which the image is made.",
        metavar=SPEC,
        default="the preset's",
        key="parametrization",
    ),
    Option(
        "size",
        INTEGER,
        build.with_size,
        "Longest side of the picture in pixels; a smaller photograph is not enlarged.",
        IMAGES,
        metavar="PIXELS",
        default=str(Job.size),
        key="size",
    ),
    Option(
        "levels",
        SIZES,
        build.with_levels,
        "Longest sides at which the picture is made, from small to large; the last one is its size.",
        IMAGES,
        metavar="auto|off|W,W,…",
        default="auto: halved until it is below 768 px",
        key="levels",
    ),
    Option(
        "blend",
        NUMBERS,
        build.with_blend,
        "Share of every style where there are several.",
        IMAGES,
        metavar="W,W,…",
        default="equal shares",
        key="blend",
        source="style",
    ),
    Option(
        "style_scale",
        NUMBER,
        build.with_style_scale,
        "Size of the style images relative to the picture: larger strokes above 1.",
        IMAGES,
        metavar="NUMBER",
        default="1",
        key="style_scale",
        source="style",
    ),
    Option(
        "style_transform",
        COMPONENT,
        build.with_style_transform,
        "Image transform applied to the style images first; 'none' removes it.",
        IMAGES,
        metavar=SPEC,
        default="none",
        key="style_transform",
        source="style",
    ),
    Option(
        "steps",
        INTEGER,
        build.set_field("steps"),
        "Number of evaluations of the loss, at the smallest level.",
        metavar="N",
        default=str(Job.steps),
        key="steps",
    ),
    Option("seed", INTEGER, build.set_field("seed"), "Random seed.", metavar="N", default=str(Job.seed), key="seed"),
    Option(
        "precision",
        TEXT,
        build.set_field("precision"),
        "Precision of the network: auto, fp32 or bf16.",
        metavar="PRECISION",
        default=Job.precision,
        key="precision",
    ),
    Option(
        "device",
        TEXT,
        build.set_field("device"),
        "Device to compute on: auto, cpu, cuda, cuda:N or mps.",
        metavar="DEVICE",
        default=Job.device,
        key="device",
    ),
)
"""All options, in the order in which they are applied."""


def options_table() -> dict[str, Option]:
    """Return all options by name."""
    return {option.name: option for option in OPTIONS}


def check_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check names and types of options.

    Args:
        given: values by name of the option.

    Returns:
        The values as :func:`apply_options` takes them.

    Raises:
        UnknownNameError: there is no such option.
        JobError: a value is of another type; says which.
    """
    rows = options_table()
    for name in given:
        if name not in rows:
            raise unknown_name("option", name, rows)
    return {name: rows[name].type.taken(value, name) for name, value in given.items()}


def apply_options(job: Job, registry: Registry, given: Mapping[str, Any]) -> Job:
    """Lay options over a job.

    Args:
        job: the job.
        registry: where names are looked up.
        given: values by name of the option.

    Raises:
        UnknownNameError: there is no such option.
        JobError: a value makes no sense; says which.
    """
    checked = check_options(given)
    context = Context(registry, checked)
    for option in OPTIONS:
        if option.name in checked:
            job = option.apply(job, checked[option.name], context)
    return job


def describe_options(indent: str = "") -> str:
    """Return a list of all options for a docstring, one a line."""
    lines = []
    for option in OPTIONS:
        default = f" (default: {option.default})" if option.default else ""
        lines.append(f"{indent}{option.name}: {option.type.name}. {option.help}{default}")
    return "\n".join(lines)
