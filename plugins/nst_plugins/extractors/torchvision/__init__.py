"""The classification networks of torchvision."""

from __future__ import annotations

from nst_plugins.extractors.torchvision.extractor import Torchvision

__all__ = ["Torchvision"]
