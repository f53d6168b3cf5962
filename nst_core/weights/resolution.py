"""From what a user says to a weight set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nst_core.errors import WeightsError, unknown_name
from nst_core.weights import store
from nst_core.weights.architecture import Architecture
from nst_core.weights.fetching import Notify, download, from_hub_cache, to_stderr, ways_out
from nst_core.weights.weight_set import WeightSet, read_set

__all__ = ["find", "find_here", "locate", "verify"]


def find(
    spec: str, architecture: Architecture, *, allow_download: bool = True, notify: Notify = to_stderr
) -> WeightSet:
    """Find weights for a network: a path, the store, the torch hub cache, the network, in this order.

    Args:
        spec: path of a weight file, name of a set in the store, or "" for the best there is: the set with the
            architecture's own name, else the newest one for the architecture, else the official weights.
        architecture: of the network.
        allow_download: whether the official weights may be fetched where nothing else is found.
        notify: is told before anything that takes time.

    Raises:
        UnknownNameError: there is no set of that name.
        WeightsError: the file is not usable, or nothing is found; it says the ways out.
    """
    if spec and (spec != architecture.name or store.path_of(spec).exists()):
        return read_set(locate(spec), architecture)
    here = from_hub_cache(architecture, notify) if spec else find_here(architecture, notify=notify)
    if here is not None:
        return here
    if allow_download and architecture.official is not None:
        return download(architecture, notify)
    raise WeightsError(f"no weights of {architecture.name} on this machine.\n{ways_out(architecture)}")


def find_here(architecture: Architecture, *, notify: Notify = to_stderr) -> WeightSet | None:
    """Find the best weights that are on this machine, in the store or the torch hub cache; else return ``None``.

    Args:
        architecture: of the network.
        notify: is told before anything that takes time.

    Raises:
        WeightsError: what is there is not usable.
    """
    own = store.path_of(architecture.name)
    if own.exists():
        return read_set(own, architecture)
    fitting = [s for s in store.list_sets() if s.architecture == architecture.name]
    if fitting:
        return read_set(max(fitting, key=lambda s: s.path.stat().st_mtime).path, architecture)
    return from_hub_cache(architecture, notify)


def locate(spec: str) -> Path:
    """Return the file that a path or the name of a set in the store means.

    Raises:
        UnknownNameError: there is no set of that name.
        WeightsError: there is no such file.
    """
    path = Path(spec).expanduser()
    looks_like_path = os.sep in spec or "/" in spec or path.suffix in (".safetensors", ".pth", ".pt")
    if not looks_like_path:
        stored = store.path_of(spec)
        if stored.exists():
            return stored
        if not path.is_file():
            names = (p.stem for p in store.folder().glob("*.safetensors"))
            raise unknown_name("weight set", spec, names, "See 'nst weights list', or give the path of a file.")
    if not path.exists():
        raise WeightsError(f"the weight file {path} does not exist")
    return path


def verify(spec: str, architectures: Mapping[str, Architecture] | None = None) -> WeightSet:
    """Check a weight file in full: header, shapes, digest, values.

    Args:
        spec: path, or name of a set in the store.
        architectures: what is known; a file of an architecture that is not among them is checked by itself.

    Raises:
        UnknownNameError: there is no set of that name.
        WeightsError: what is wrong.
    """
    path = locate(spec)
    found = read_set(path)
    known = (architectures or {}).get(found.architecture)
    if known is not None:
        found = read_set(path, known)
    found.tensors()
    return found
