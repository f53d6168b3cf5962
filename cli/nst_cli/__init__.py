"""The command ``nst``. Importing it imports no torch."""
