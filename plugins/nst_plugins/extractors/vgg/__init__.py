"""VGG-16, VGG-19 and the compact vgg19-lite."""

from __future__ import annotations

from nst_plugins.extractors.vgg.vgg16 import Vgg16
from nst_plugins.extractors.vgg.vgg19 import Vgg19
from nst_plugins.extractors.vgg.vgg19_lite import Vgg19Lite

__all__ = ["Vgg16", "Vgg19", "Vgg19Lite"]
