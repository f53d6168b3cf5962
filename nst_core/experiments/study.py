"""The study of the brief: what reconstructions, textures and ablations there are, as sheets of jobs.

Blocks are the extractor's style layers, from shallow to deep: conv1_2, conv2_2, conv3_4, conv4_4 and conv5_4 of
VGG-19. Sources: figure 1 of Gatys et al., arXiv:1508.06576, and the project's brief.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nst_core.api import make_job, single_loss_job
from nst_core.components import Extractor
from nst_core.engine.session import Session
from nst_core.errors import JobError
from nst_core.experiments.layout import Cell, Sheet, grid_sheet
from nst_core.job.schema import Job

__all__ = ["reconstruction_job", "study_sheets", "texture_job"]

ALPHAS = (0.01, 1.0, 100.0)
BETAS = (1e5, 1e6, 1e7)
SEEDS = (0, 1)


def reconstruction_job(
    content: str, layers: Sequence[str], session: Session, base: Job | None = None, **options: Any
) -> Job:
    """Make the job of a reconstruction: the content loss alone, from noise, at ``layers``; ``base`` is a recipe."""
    return single_loss_job(
        "content", content, base=base, session=session, **{**options, "content_layers": list(layers)}
    )


def texture_job(
    styles: str | Sequence[str],
    layers: Sequence[str],
    session: Session,
    base: Job | None = None,
    shape: tuple[int, int] | None = None,
    **options: Any,
) -> Job:
    """Make the job of a texture: the style loss alone, from noise; all style layers where none is named."""
    chosen = {**options, "style_layers": list(layers)} if layers else dict(options)
    job = single_loss_job("style", styles, base=base, session=session, **chosen)
    return replace(job, shape=shape if shape else job.shape)


def study_sheets(
    contents: Sequence[str],
    styles: Sequence[str],
    session: Session,
    options: Mapping[str, Any],
    base: Job | None = None,
) -> list[Sheet]:
    """Return all sheets of the study; the first content and style serve parts 1 to 3, all of them the grids.

    Args:
        contents: paths of content images.
        styles: paths of style images.
        session: of all cells.
        options: extractor, size, steps and the like, for all cells.
        base: a recipe that all cells start from, for its optimizer and regularizers.

    Raises:
        JobError: there are no images, or the extractor does not say which layers its blocks are.
    """
    if not contents or not styles:
        raise JobError("the study needs at least one content and one style image")
    example = make_job(contents[0], styles[0], base=base, session=session, **options)
    network: type[Extractor] = session.registry.get("extractor", example.extractor.name).cls
    if not network.content_layers or not network.style_layers:
        raise JobError(
            f"the study uses an extractor's default layers, and '{example.extractor.name}' has none; "
            "choose layers with nst reconstruct --layer, nst texture --layers, "
            "or nst sweep --vary content.layers=A,B --vary style.layers=A,B"
        )
    blocks, middle = network.style_layers, network.content_layers[0]
    second = blocks[min(1, len(blocks) - 1)]
    seed = options.get("seed", 0)
    seeds = [seed + extra for extra in SEEDS]
    content, style = contents[0], styles[0]
    scratch = session.registry.scratch_preset()
    presets = [name for name, preset in session.registry.presets().items() if preset.studied]

    def back(layer: str, seed: int) -> Job:
        return reconstruction_job(content, [layer], session, base, **{**options, "preset": scratch, "seed": seed})

    def texture(layer: str, seed: int) -> Job:
        return texture_job(style, [layer], session, base, **{**options, "preset": scratch, "seed": seed})

    sheets = [
        Sheet(
            "1. Reconstruction from each block",
            tuple(Cell("", layer, back(layer, seed), f"reconstruction-{layer}") for layer in blocks),
            column_axis="content layer",
            note="The content loss alone, from noise: what a layer still knows of the photograph.",
        ),
        Sheet(
            f"1. Reconstruction from {middle}, two seeds",
            tuple(Cell("", str(s), back(middle, s), f"reconstruction-{middle}-seed={s}") for s in seeds),
            column_axis="seed",
            note="The same from two noise images.",
        ),
        Sheet(
            "2. Texture from each block",
            tuple(Cell("", layer, texture(layer, seed), f"texture-{layer}") for layer in blocks),
            column_axis="style layer",
            note="The style loss alone, from noise: what the Gram matrix of one layer holds of the painting.",
        ),
        Sheet(
            f"2. Texture from {second}, two seeds",
            tuple(Cell("", str(s), texture(second, s), f"texture-{second}-seed={s}") for s in seeds),
            column_axis="seed",
            note="The same from two noise images.",
        ),
    ]
    variations: list[tuple[str, str, list[tuple[str, dict[str, Any]]], str]] = [
        ("content layer", "content layer", [(b, {"content_layers": [b]}) for b in blocks], "Style and weights stay."),
        (
            "style layer",
            "style layer",
            [(b, {"style_layers": [b]}) for b in blocks],
            "One style layer instead of all; content and weights stay.",
        ),
        ("α", "α", [(f"{a:g}", {"content_weight": a}) for a in ALPHAS], "β stays at the preset's value."),
        ("β", "β", [(f"{b:.0e}", {"style_weight": b}) for b in BETAS], "α stays at the preset's value."),
    ]
    for title, axis, choices, note in variations:
        cells = tuple(
            Cell(
                preset,
                label,
                make_job(content, style, base=base, session=session, **{**options, "preset": preset, **extra}),
                f"{axis.replace(' ', '-')}-{label}-from-{preset}",
            )
            for preset in presets
            for label, extra in choices
        )
        sheets.append(Sheet(f"3. {title.capitalize() if len(title) > 1 else title}", cells, "start", axis, note))
    for preset in presets:

        def painted(content: str, style: str, preset: str = preset) -> Job:
            return make_job(content, style, base=base, session=session, **{**options, "preset": preset})

        sheet = grid_sheet(contents, styles, painted, f"3. Grid, starting from {preset}", f"grid-from-{preset}-")
        sheets.append(replace(sheet, note="Every content with every style, with the preset's weights."))
    sheets.append(
        Sheet(
            "3. Start: noise against content",
            tuple(
                Cell(
                    "",
                    preset,
                    make_job(content, style, base=base, session=session, **{**options, "preset": preset}),
                    f"start-from-{preset}",
                )
                for preset in presets
            ),
            column_axis="start",
            note="Each with the weights that suit it; compare loss, distances and seconds in the table.",
        )
    )
    return sheets
