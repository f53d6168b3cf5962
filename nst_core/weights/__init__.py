"""Weight sets: where they are stored, how to obtain them, and how they are verified.

Nothing in this package knows a particular network; an :class:`Architecture` describes one.
"""

from __future__ import annotations

from nst_core.weights.architecture import Architecture, KeyNaming, OfficialWeights, architectures
from nst_core.weights.detection import detect_architecture
from nst_core.weights.files import sha256
from nst_core.weights.importing import import_file
from nst_core.weights.lookup import find, locate, resolve_path, scan_embedded, several, stored_as, verify
from nst_core.weights.official import fetch
from nst_core.weights.preprocessing import CAFFE, TORCHVISION, Preprocessing
from nst_core.weights.store import home, list_weight_sets, scan_store, store_folder
from nst_core.weights.weight_set import WeightSet, read_weight_set

__all__ = [
    "CAFFE",
    "TORCHVISION",
    "Architecture",
    "KeyNaming",
    "OfficialWeights",
    "Preprocessing",
    "WeightSet",
    "architectures",
    "detect_architecture",
    "fetch",
    "find",
    "home",
    "import_file",
    "list_weight_sets",
    "locate",
    "read_weight_set",
    "resolve_path",
    "scan_embedded",
    "scan_store",
    "several",
    "sha256",
    "store_folder",
    "stored_as",
    "verify",
]
