"""``nst video``: a clip and one or several paintings to a painted clip that does not flicker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nst_cli.options.clips import ClipOptions, ClipResourceOptions, EncodingOptions
from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import OUTPUT, RECIPE, RESOURCES, RecipeOptions, ReportOptions

__all__ = ["video"]


def video(
    clip: Annotated[
        str,
        typer.Argument(
            metavar="CLIP",
            help="A clip, or a folder of numbered pictures; a folder or pattern of clips paints all of them.",
        ),
    ],
    options: JobOptions,
    recipe: RecipeOptions,
    clips: ClipOptions,
    encoding: EncodingOptions,
    report: ReportOptions,
    work: ClipResourceOptions,
    styles: Annotated[
        list[str] | None,
        typer.Argument(metavar="STYLE", help="Painting, or several to blend: files, or sample:brushwork."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write, .mp4, .m4v, .mov, .mkv, .webm or .gif, or a folder for the frames as PNG; for several "
            "clips, a folder for the files.",
            show_default="named after clip and painting, numbered if it exists",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    from_image: Annotated[
        Path | None,
        typer.Option(help="Start from the recipe inside an earlier result.", rich_help_panel=RECIPE),
    ] = None,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Paint some 5 frames a second, at most 256 px large.", rich_help_panel=OUTPUT),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show frames, memory and time without painting.", rich_help_panel=RESOURCES),
    ] = False,
) -> None:
    """Paint CLIP in the manner of STYLE, or of a blend of several, frame by frame and without flicker.

    The strokes move with the picture. Finished frames are saved at once: after an interruption, the same command or
    'nst resume' goes on, to the same file. Needs the extra 'video'.

    Examples:

    nst video walk.mp4 painting.jpg

    nst video walk.mp4 painting.jpg -o painted.mp4 --size 768 --start 2 --end 7

    nst video walk.mp4 painting.jpg --preview --fast

    nst video walk.mp4 painting.jpg --keep mask.mp4 --consistency 0.8

    nst video "clips/*.mp4" painting.jpg -o painted --workers 2
    """
    from nst_cli.execution.clips import carry_out_clip, carry_out_clips, show_clip_plan
    from nst_cli.options.clip_orders import ClipChoice, chosen_orders
    from nst_core import Session

    session = Session()
    choice = ClipChoice(clip, styles or [], output, from_image, preview=preview)
    chosen = chosen_orders(choice, options, recipe, clips, encoding, session)
    if dry_run:
        show_clip_plan(chosen, session, report, work)
    elif chosen.several:
        carry_out_clips(chosen, session, report, work)
    else:
        carry_out_clip(chosen.orders[0], session, report, work)
