"""The table of options: one row for everything that a person can choose for a job.

The keywords of the Python API, the options of the command line, the keys of sweeps and their documentation are made
from these rows; a new option is one row. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nst_core.errors import unknown_name
from nst_core.job.schema import Job
from nst_core.options import build, losses, regions
from nst_core.options.context import Context
from nst_core.options.option import IMAGES, METHOD, Option
from nst_core.options.types import (
    COMPONENT,
    COMPONENTS,
    FLAG,
    INTEGER,
    LAYERS,
    MAPS,
    NAMES,
    NUMBER,
    NUMBER_OR_NUMBERS,
    NUMBERS,
    REGIONS,
    SIZES,
    TEXT,
)

if TYPE_CHECKING:
    from nst_core.components.registry import Registry

__all__ = [
    "IMAGES",
    "METHOD",
    "OPTIONS",
    "Option",
    "apply_options",
    "check_options",
    "describe_options",
    "options_table",
]

SPEC = "NAME[:k=v,…]"


OPTIONS: tuple[Option, ...] = (
    Option(
        "preset",
        TEXT,
        build.with_preset,
        "Tuned combination of losses, weights and initial image; 'nst plugins' lists the presets.",
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
        "fast",
        FLAG,
        build.with_fast,
        "Use the preset's small network, for a quick look.",
    ),
    Option(
        "weights",
        TEXT,
        build.with_weights_file,
        "Weights of the network: a file, or the name of a weight set.",
        metavar="PATH|NAME",
        default="the best weight set found",
        key="weights",
    ),
    Option(
        "normalize_gradients",
        FLAG,
        build.with_normalization,
        "Divide each loss by its gradient at an image of noise, so that weights are comparable.",
        flag="--normalize-gradients/--raw-gradients",
        default="raw",
        key="normalize_gradients",
    ),
    Option(
        "plugins",
        COMPONENTS,
        losses.with_losses,
        "Loss that replaces the one of its role; regularizers are added. Repeatable. weight=W and layers=a+b set "
        "the term's weight and layers.",
        flag="--plugin",
        metavar=SPEC,
        key="plugin",
    ),
    Option(
        "strength",
        NUMBER,
        build.set_field("strength"),
        "How strong the style is, from 0, nearly the photograph, to 1, nearly a texture, whatever the losses.",
        metavar="0…1",
        default=str(Job.strength),
        key="strength",
        source="both",
    ),
    Option(
        "content_weight",
        NUMBER,
        losses.with_weight("content"),
        "Weight α of the content loss; 0 removes it.",
        metavar="NUMBER",
        default="the preset's",
        key="content.weight",
        source="content",
    ),
    Option(
        "style_weight",
        NUMBER,
        losses.with_weight("style"),
        "Weight β of the style loss; 0 removes it.",
        metavar="NUMBER",
        default="the preset's",
        key="style.weight",
        source="style",
    ),
    Option(
        "content_layers",
        LAYERS,
        losses.with_layers("content"),
        "Layers of the content loss, each with an optional factor.",
        metavar="A,B=FACTOR,…",
        default="the extractor's",
        key="content.layers",
        source="content",
    ),
    Option(
        "style_layers",
        LAYERS,
        losses.with_layers("style"),
        "Layers of the style loss, each with an optional factor.",
        metavar="A,B=FACTOR,…",
        default="the extractor's",
        key="style.layers",
        source="style",
    ),
    Option(
        "without",
        NAMES,
        losses.without_losses,
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
        "Variable that the optimizer changes; the image is made from it.",
        metavar=SPEC,
        default="the preset's",
        key="parametrization",
    ),
    Option(
        "size",
        INTEGER,
        build.with_size,
        "Longest side of the picture in pixels; smaller photographs are enlarged only with --enlarge.",
        IMAGES,
        metavar="PIXELS",
        default=str(Job.size),
        key="size",
    ),
    Option(
        "enlarge",
        FLAG,
        build.set_field("enlarge"),
        "Make a photograph that is smaller than the size larger, so that the picture has that size.",
        IMAGES,
        flag="--enlarge/--no-enlarge",
        default="no-enlarge",
        key="enlarge",
        source="content",
    ),
    Option(
        "levels",
        SIZES,
        build.with_levels,
        "Resolution levels: longest sides in pixels, from small to large; the last one is the size.",
        IMAGES,
        metavar="auto|off|W,W,…",
        default="the preset's; auto: from a quarter of the size on, 64 to 128 px, by factors of √2",
        key="levels",
    ),
    Option(
        "blend",
        NUMBERS,
        build.with_blend,
        "Share of each style image, if there are several.",
        IMAGES,
        metavar="W,W,…",
        default="equal shares",
        key="blend",
        source="style",
    ),
    Option(
        "style_scale",
        NUMBER_OR_NUMBERS,
        build.with_style_scale,
        "Factor on the size of the style images, which is that of the picture, whatever their files have; above 1, "
        "strokes are larger. One number for all of them, or one for each.",
        IMAGES,
        metavar="F[,F,…]",
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
        "regions",
        REGIONS,
        regions.with_regions,
        "Part of the picture, white in MASK, that takes a style or the part of it that is white in FILE; 'none' "
        "removes those of a recipe. Repeatable.",
        IMAGES,
        flag="--region",
        metavar="NAME=MASK[:style=N,style-mask=FILE,weight=W]",
        key="region",
        source="style",
    ),
    Option(
        "region_maps",
        MAPS,
        regions.with_region_maps,
        "Two maps, of the photograph and of the style image (of several, joined by commas): areas of the same colour "
        "belong together.",
        IMAGES,
        flag="--regions",
        metavar="MAP STYLE_MAP[,…]",
        key="regions",
        source="both",
    ),
    Option(
        "outside",
        TEXT,
        build.set_field("outside"),
        "What takes the pixels that no region covers: style, the whole first style image; keep, the photograph; or "
        "free, the content loss alone.",
        IMAGES,
        metavar="style|keep|free",
        default=Job.outside,
        key="outside",
        source="style",
    ),
    Option(
        "guide",
        TEXT,
        build.set_field("guide"),
        "How regions are cut where the network sees: simple, by area; or inside, only what sees nothing else.",
        IMAGES,
        metavar="simple|inside",
        default=Job.guide,
        key="guide",
        source="style",
    ),
    Option(
        "keep",
        TEXT,
        regions.with_keep,
        "Mask of the pixels that stay the photograph's own: white stays, grey in part; 'none' removes it.",
        IMAGES,
        metavar="MASK",
        key="keep",
        source="content",
    ),
    Option(
        "color",
        COMPONENT,
        build.with_color,
        "Where the picture's colours come from: 'style', the painting, or an image transform; 'nst plugins' lists "
        "them.",
        IMAGES,
        metavar="style|" + SPEC,
        default="style",
        key="color",
        source="both",
    ),
    Option(
        "steps",
        INTEGER,
        build.set_field("steps"),
        "Number of steps, evaluations of the loss, at the smallest level.",
        metavar="N",
        default="the preset's",
        key="steps",
    ),
    Option("seed", INTEGER, build.set_field("seed"), "Random seed.", metavar="N", default=str(Job.seed), key="seed"),
    Option(
        "precision",
        TEXT,
        build.set_field("precision"),
        "Precision of the network: auto, fp32, tf32 (on GPUs from NVIDIA) or bf16.",
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
    """Apply options to a job.

    Args:
        job: the job.
        registry: where names are looked up.
        given: values by name of the option.

    Raises:
        UnknownNameError: there is no such option.
        JobError: a value is invalid; the message says which.
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
