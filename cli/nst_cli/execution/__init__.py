"""Carrying jobs out for a command: progress, files, exit codes."""
