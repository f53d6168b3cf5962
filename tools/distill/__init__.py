"""Distilling the embedded extractor from VGG-19; see README.md here. Not part of the installed package."""
