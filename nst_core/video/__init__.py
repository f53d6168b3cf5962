"""Clips: frames from files and to files, the motion between them, and painting them one after the other."""

from nst_core.video.order import ClipOrder, clip_job
from nst_core.video.painting import ClipPainter, Painted
from nst_core.video.production import ClipResult, paint_clip
from nst_core.video.reading import ClipFrame, ClipInfo, ClipSource
from nst_core.video.writing import Encoding, write_clip

__all__ = [
    "ClipFrame",
    "ClipInfo",
    "ClipOrder",
    "ClipPainter",
    "ClipResult",
    "ClipSource",
    "Encoding",
    "Painted",
    "clip_job",
    "paint_clip",
    "write_clip",
]
