"""Options of ``nst video`` beside those of the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from nst_cli.options.expansion import OptionGroup
from nst_cli.options.groups import OUTPUT, ResourceOptions, WorkOptions

__all__ = ["ClipOptions", "ClipResourceOptions", "EncodingOptions"]

CLIP = "Clip"


@dataclass
class ClipOptions(OptionGroup):
    """Which frames are painted, and how they are held together."""

    start: Annotated[
        float, typer.Option(metavar="SECONDS", help="Where in the clip to begin.", rich_help_panel=CLIP)
    ] = 0.0
    end: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Where to end.", show_default="the end of the clip", rich_help_panel=CLIP),
    ] = None
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="RATE", help="Frames a second to paint.", show_default="those of the clip", rich_help_panel=CLIP
        ),
    ] = None
    consistency: Annotated[
        float,
        typer.Option(
            metavar="0…1",
            help="How much frames are held together: 0 paints each on its own, with flicker; 1 moves the strokes with "
            "the picture.",
            rich_help_panel=CLIP,
        ),
    ] = 0.5
    frame_steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Evaluations of a frame that follows another; --steps are those of the first.",
            show_default="20",
            rich_help_panel=CLIP,
        ),
    ] = None


@dataclass
class EncodingOptions(OptionGroup):
    """How a painted clip is written."""

    codec: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Encoder of FFmpeg, such as libx265 or ffv1.",
            show_default="H.264, or VP9 for .webm",
            rich_help_panel=OUTPUT,
        ),
    ] = ""
    crf: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Quality as the encoder counts it; less is better.",
            show_default="18 for H.264",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Keep every pixel: FFV1 in .mkv, H.264 in .mp4.", rich_help_panel=OUTPUT)
    ] = False
    no_sound: Annotated[
        bool, typer.Option("--no-sound", help="Leave the sound out, which is copied otherwise.", rich_help_panel=OUTPUT)
    ] = False
    keep_frames: Annotated[
        bool, typer.Option("--keep-frames", help="Keep the painted frames beside the file.", rich_help_panel=OUTPUT)
    ] = False


@dataclass
class ClipResourceOptions(ResourceOptions, WorkOptions):
    """What the painting of clips may use, and where several are painted."""
