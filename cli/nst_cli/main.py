"""The command: subcommands, one place for errors, exit codes."""

from __future__ import annotations

import importlib
import io
import os
import sys
import textwrap
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nst_cli import console, exit_codes, interruption
from nst_cli.plugin_commands import plugin_commands

__all__ = ["build_app", "main"]

# Characters of an unexpected error that are shown; torch's may hold whole tensors.
LONGEST = 1000


class Commands(TyperGroup):
    """All commands, those of plugins among them; Ctrl-C ends them here where they have nothing to save.

    Plugins are loaded only where a command is not one of ours, or where all are listed.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named. Typer would end it at Ctrl-C without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console.say("interrupted; nothing was written")
            raise typer.Exit(interruption.exit_code()) from None

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, ours first."""
        own = super().list_commands(ctx)
        return [*own, *sorted(plugin_commands(frozenset(own)))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name; ours come before those of plugins."""
        own = super().get_command(ctx, cmd_name)
        return own or plugin_commands(frozenset(super().list_commands(ctx))).get(cmd_name)


COMMANDS = {
    "run": ("run:run", "Paint CONTENT in the manner of STYLE, or of a blend of several."),
    "resume": ("resume:resume", "Continue a run that was interrupted."),
    "reconstruct": ("reconstruct:reconstruct", "Find, from noise, an image with CONTENT's features at one layer."),
    "texture": ("texture:texture", "Make, from noise, a texture like STYLE."),
    "sweep": ("sweep:sweep", "Make every combination of the values given, and a report that compares them."),
    "grid": ("grid:grid", "Paint every content in the manner of every style, and compare them in a report."),
    "batch": ("batch:batch", "Paint every photograph of a folder or list, with results named after their images."),
    "video": ("video:video", "Paint a clip in the manner of STYLE, without flicker."),
    "ui": ("ui:ui", "Open the studio, a page in the browser where one paints."),
    "study": ("study:study", "Reconstructions, textures, ablations and grids in one report."),
    "eval": ("evaluate:evaluate", "Measure a picture against its content and style image."),
    "identity": ("identity:identity", "Test whether a method gives a painting back that is both content and style."),
    "export": ("export:export", "Write an extractor as a file for C++ and other programs."),
    "doctor": ("doctor:doctor", "Show what is installed, and whether everything works."),
    "bench": ("bench:bench", "Measure the speed of this machine."),
    "plugins": ("plugins:app", "List, show, check and create plugins."),
    "weights": ("weights:app", "List, fetch, import and verify the weights of networks."),
}
"""Every command by name: its module in :mod:`nst_cli.commands`, what is there, and what ``nst --help`` says of it."""


def build_app(wanted: str = "", *, listing: bool = False) -> typer.Typer:
    """Return the command with its subcommands.

    Args:
        wanted: the only subcommand that is needed; all by default. What is not built need not be waited for.
        listing: whether only names and summaries of the subcommands are needed.
    """
    app = typer.Typer(
        cls=Commands,
        help="Neural style transfer: paint a photograph in the manner of a painting.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, (place, summary) in COMMANDS.items():
        if listing:
            app.command(name, help=summary)(lambda: None)
        elif wanted in ("", name):
            _add(app, name, place, summary)
    app.callback()(options)
    return app


def _add(app: typer.Typer, name: str, place: str, summary: str) -> None:
    from nst_cli.options.expansion import expand
    from nst_cli.options.lists import ManyValues

    module, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(f"nst_cli.commands.{module}"), attribute)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name, short_help=summary)
    else:
        cls = ManyValues if name in ("batch", "grid", "study") else None
        app.command(name, cls=cls, short_help=summary)(expand(found))


def _version(wanted: bool) -> None:
    if wanted:
        from nst_core.version import described

        console.out(f"nst {described()}")
        raise typer.Exit


def options(
    debug: Annotated[  # main looks for it, wherever it stands
        bool, typer.Option("--debug", help="Show the traceback of an error, as NST_DEBUG=1 does.")
    ] = False,
    version: Annotated[  # its callback does the work
        bool, typer.Option("--version", help="Print the version and the commit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Neural style transfer: paint a photograph in the manner of a painting."""


def main() -> None:
    """Run the command.

    Exit codes are in :mod:`nst_cli.exit_codes`.
    """
    _leave_cores_to_others()
    # --debug is accepted anywhere, since people notice only afterwards that they want it.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv[1:]) or os.environ.get("NST_DEBUG", "") not in ("", "0")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files that are not UTF-8 are printed as they are
    with console.outlasting_listeners(), interruption.listening():
        try:
            _app_for(arguments)(args=arguments, prog_name="nst")
        except Exception as error:
            if interruption.received() and isinstance(error, OSError):  # nobody is there to read the result
                console.discard(sys.stdout)
                sys.exit(interruption.exit_code())
            sys.exit(_report(error, debug))


def _leave_cores_to_others() -> None:
    """Let the threads of torch's OpenMP sleep while they wait, unless the environment has a wish of its own.

    In a loop they would take cores from other programs, and from our own threads. OpenMP reads this when it is loaded.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & {*os.environ}:
        os.environ["OMP_WAIT_POLICY"] = "passive"


def _app_for(arguments: list[str]) -> typer.Typer:
    """Return as much of the command as the arguments need."""
    name = next((argument for argument in arguments if not argument.startswith("-")), "")
    if name in COMMANDS:
        return build_app(name)
    asked = not name and not {"--install-completion", "--show-completion"} & {*arguments}
    return build_app(listing=asked and "_NST_COMPLETE" not in os.environ)


def _more_memory() -> str:
    from nst_core.runtime.limits import address_space_limit

    tiles = "compute in smaller tiles with --memory-limit ('nst run --dry-run' shows what fits)"
    limit = address_space_limit()
    if limit is None:
        return tiles
    return (
        f"this process may have only {limit / 1e9:.1f} GB of address space (see 'ulimit -v'): allow it more, or {tiles}"
    )


def _report(error: Exception, debug: bool) -> int:
    from nst_core.errors import NstError, is_out_of_memory

    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, NstError):
        console.say(f"error: {error}")
        return exit_codes.REFUSED
    if is_out_of_memory(error):
        console.say(f"error: out of memory; {_more_memory()}")
        return exit_codes.REFUSED
    text = textwrap.shorten(str(error), LONGEST, placeholder=" …")
    console.say(f"internal error: {type(error).__name__}: {text}\nThis is a bug in nst; --debug shows the traceback.")
    return exit_codes.FAILED
