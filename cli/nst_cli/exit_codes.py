"""The exit codes of the command. Those of a command that a signal ended are in :mod:`nst_cli.interruption`."""

from __future__ import annotations

__all__ = ["FAILED", "MEANINGS", "REFUSED"]

FAILED = 1
REFUSED = 2

MEANINGS = {
    0: "done; also a run whose optimizer stopped before all steps were made",
    FAILED: "the command did its work and the answer is no: `nst doctor` found something broken, `nst plugins check` a "
    "violation, `--dry-run` that it does not fit, or some pictures of a batch, report or set of clips failed. Also an "
    "internal error, a bug in nst, which is said to be one",
    REFUSED: "a mistake in the command line, bad input, missing files or weights, or out of memory; the message says "
    "what is wrong and what to do",
    129: "SIGHUP; like the next two, 128 and the number of the signal",
    130: "SIGINT, that is Ctrl-C",
    143: "SIGTERM",
}
"""What each exit code says, in Markdown."""
