"""Bundled sample images; `tools/make_samples.py` draws them."""
