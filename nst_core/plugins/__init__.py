"""Plugins: their hooks, how they are found, and which of them an error came from."""
