"""Weight sets: where they are, how they get there, and how they are verified. Knows no network."""

from __future__ import annotations

from nst_core.weights.architecture import Architecture, Official, architectures
from nst_core.weights.convention import CAFFE, TORCHVISION, InputConvention
from nst_core.weights.fetching import fetch
from nst_core.weights.files import sha256
from nst_core.weights.guessing import guess
from nst_core.weights.importing import import_file
from nst_core.weights.resolution import find, find_here, locate, verify
from nst_core.weights.store import folder, home, list_sets, scan
from nst_core.weights.weight_set import WeightSet, read_set

__all__ = [
    "CAFFE",
    "TORCHVISION",
    "Architecture",
    "InputConvention",
    "Official",
    "WeightSet",
    "architectures",
    "fetch",
    "find",
    "find_here",
    "folder",
    "guess",
    "home",
    "import_file",
    "list_sets",
    "locate",
    "read_set",
    "scan",
    "sha256",
    "verify",
]
