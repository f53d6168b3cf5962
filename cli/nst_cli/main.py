"""The command: subcommands, one place for errors, exit codes."""

from __future__ import annotations

import io
import os
import sys
import textwrap
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nst_cli import console
from nst_cli.commands import (
    bench,
    doctor,
    evaluate,
    export,
    grid,
    plugins,
    reconstruct,
    resume,
    run,
    study,
    sweep,
    texture,
    weights,
)
from nst_cli.options.lists import ManyValues

__all__ = ["app", "main"]

# Characters of an unexpected error that are shown; torch's may hold whole tensors.
LONGEST = 1000


class Commands(TyperGroup):
    """All commands; Ctrl-C ends them here where they have nothing to save. Typer would end them without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console.say("interrupted; nothing was written")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    help="Neural style transfer: paint a photograph in the manner of a painting.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("resume")(resume.resume)
app.command("reconstruct")(reconstruct.reconstruct)
app.command("texture")(texture.texture)
app.command("sweep")(sweep.sweep)
app.command("grid", cls=ManyValues)(grid.grid)
app.command("study", cls=ManyValues)(study.study)
app.command("eval")(evaluate.evaluate)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.add_typer(plugins.app, name="plugins")
app.add_typer(weights.app, name="weights")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.out(f"nst {version('nst')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[  # main looks for it, wherever it stands
        bool, typer.Option("--debug", help="Show the traceback of an error, as NST_DEBUG=1 does.")
    ] = False,
    version: Annotated[  # its callback does the work
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Neural style transfer: paint a photograph in the manner of a painting."""


def main() -> None:
    """Run the command: 0 done, 1 a defect of ours, 2 bad input, 130 interrupted."""
    # --debug is accepted anywhere, since people notice only afterwards that they want it.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv[1:]) or os.environ.get("NST_DEBUG", "") not in ("", "0")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files that are not UTF-8 are printed as they are
    try:
        app(args=arguments, prog_name="nst")
    except Exception as error:
        sys.exit(_report(error, debug))


def _report(error: Exception, debug: bool) -> int:
    from nst_core.errors import NstError, is_out_of_memory

    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, NstError):
        console.say(f"error: {error}")
        return 2
    if is_out_of_memory(error):
        console.say(
            "error: out of memory; set --memory-limit to compute in tiles that fit (nst run --dry-run shows them)"
        )
        return 2
    text = textwrap.shorten(str(error), LONGEST, placeholder=" …")
    console.say(f"internal error: {type(error).__name__}: {text}\nThis is a defect of nst; --debug shows where it is.")
    return 1
