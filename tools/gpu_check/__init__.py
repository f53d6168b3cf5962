"""The sections of tools/gpu.py, and what they share."""
