"""Extractors as files that run without Python: TorchScript for C++ with image gradients, .pt2 for inference."""

from nst_core.export.exporting import Exported, check_target, export_extractor
from nst_core.export.metadata import FORMAT_VERSION, METADATA_NAME

__all__ = ["FORMAT_VERSION", "METADATA_NAME", "Exported", "check_target", "export_extractor"]
