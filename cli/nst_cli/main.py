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
from nst_cli.options.expansion import expand
from nst_cli.options.lists import ManyValues
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
            raise typer.Exit(130) from None

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, ours first."""
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in plugin_commands() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name; ours come before those of plugins."""
        return super().get_command(ctx, cmd_name) or plugin_commands().get(cmd_name)


def build_app() -> typer.Typer:
    """Return the command with all its subcommands."""
    app = typer.Typer(
        cls=Commands,
        help="Neural style transfer: paint a photograph in the manner of a painting.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command("run")(expand(run.run))
    app.command("resume")(expand(resume.resume))
    app.command("reconstruct")(expand(reconstruct.reconstruct))
    app.command("texture")(expand(texture.texture))
    app.command("sweep")(expand(sweep.sweep))
    app.command("grid", cls=ManyValues)(expand(grid.grid))
    app.command("study", cls=ManyValues)(expand(study.study))
    app.command("eval")(expand(evaluate.evaluate))
    app.command("export")(export.export)
    app.command("doctor")(doctor.doctor)
    app.command("bench")(bench.bench)
    app.add_typer(plugins.app, name="plugins")
    app.add_typer(weights.app, name="weights")
    app.callback()(options)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.out(f"nst {version('nst')}")
        raise typer.Exit


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
    """Run the command. Exit codes: 0 done, 1 a bug in nst, 2 bad input, 130 interrupted."""
    # --debug is accepted anywhere, since people notice only afterwards that they want it.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv[1:]) or os.environ.get("NST_DEBUG", "") not in ("", "0")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files that are not UTF-8 are printed as they are
    try:
        build_app()(args=arguments, prog_name="nst")
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
            "error: out of memory; compute in smaller tiles with --memory-limit ('nst run --dry-run' shows what fits)"
        )
        return 2
    text = textwrap.shorten(str(error), LONGEST, placeholder=" …")
    console.say(f"internal error: {type(error).__name__}: {text}\nThis is a bug in nst; --debug shows the traceback.")
    return 1
